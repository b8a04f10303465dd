// What the sound of a member says about who has the word: found out by audio, needed where pictures are seated.
#pragma once

#include <cstdint>

namespace partyline::mixer {

enum class Speech : uint8_t {
  none,
  begun,   ///< it may be a cough
  lasting  ///< half a second of it, pauses between words left out
};

}  // namespace partyline::mixer
