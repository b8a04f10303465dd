// The art a room has: asked for by key, drawn elsewhere (it takes milliseconds), hung up when ready. Bounded.
//
// Thread: the room's strand; draw_art() any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mixer/video/art.hpp"
#include "mixer/video/decor.hpp"

namespace partyline::mixer {

enum class ArtKind : uint8_t { label, edge, frame, placeholder, slate, background, logo };

struct ArtKey {
  ArtKind kind = ArtKind::label;
  std::string text;   ///< name of the member or the room; empty for edges
  bool flag = false;  ///< label: muted microphone; edge and frame: speaking
  core::VideoSize size;
  auto operator<=>(const ArtKey&) const = default;
};

struct Art {
  std::vector<Sprite> sprites;
  I420Image image;
};
using ArtPtr = std::shared_ptr<const Art>;

/// `decor`: where background and logo come from.
ArtPtr draw_art(const ArtKey& key, const std::string& font, const Decor* decor = nullptr);

class Gallery {
 public:
  static constexpr size_t kMaxPieces = 240;  // a full room of 25: label, edge, placeholder each, in three views
  /// The piece, or null: it is then on the list of what to draw.
  ArtPtr find(const ArtKey& key);
  /// What was asked for and is not there yet; each key once.
  std::vector<ArtKey> take_wishes() { return std::exchange(wishes_, {}); }
  void hang(const ArtKey& key, ArtPtr art);
  /// Nothing is being drawn.
  bool complete() const;

 private:
  struct Place {
    ArtPtr art;  // null: being drawn
    uint64_t used = 0;
  };
  void make_room();

  std::map<ArtKey, Place> places_;
  std::vector<ArtKey> wishes_;
  uint64_t clock_ = 0;
};

}  // namespace partyline::mixer
