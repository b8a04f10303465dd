#include "mixer/video/gallery.hpp"

#include <algorithm>
#include <utility>

#include "mixer/video/paint.hpp"

namespace partyline::mixer {

ArtPtr draw_art(const ArtKey& key, const std::string& font, const Decor* decor) {
  auto art = std::make_shared<Art>();
  switch (key.kind) {
    case ArtKind::label:
      art->sprites.push_back(draw_label(key.text, key.flag, key.size, font));
      break;
    case ArtKind::edge:
      art->sprites = draw_edge(key.size, key.flag);
      break;
    case ArtKind::frame:
      art->sprites = draw_frame(key.size, key.flag);
      break;
    case ArtKind::placeholder:
      art->image = draw_placeholder(key.text, key.size, font);
      break;
    case ArtKind::slate:
      if (decor && decor->background) {
        art->image = draw_background(*decor->background, key.size);
        blend(art->image, draw_slate_text(key.text, key.size, font), {0, 0, key.size.width, key.size.height});
      } else {
        art->image = draw_slate(key.text, key.size, font);
      }
      break;
    case ArtKind::background:
      if (decor && decor->background) art->image = draw_background(*decor->background, key.size);
      break;
    case ArtKind::logo:
      if (decor && decor->logo) art->sprites.push_back(draw_logo(*decor->logo, key.size));
      break;
  }
  return art;
}

ArtPtr Gallery::find(const ArtKey& key) {
  const auto [place, inserted] = places_.try_emplace(key);
  place->second.used = ++clock_;
  ArtPtr art = place->second.art;
  if (inserted) {
    wishes_.push_back(key);
    make_room();
  }
  return art;
}

void Gallery::hang(const ArtKey& key, ArtPtr art) {
  const auto place = places_.find(key);
  if (place != places_.end()) place->second.art = std::move(art);
}

bool Gallery::complete() const {
  return std::ranges::all_of(places_, [](const auto& entry) { return entry.second.art != nullptr; });
}

void Gallery::make_room() {
  if (places_.size() <= kMaxPieces) return;
  const auto oldest = std::min_element(places_.begin(), places_.end(),
                                       [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
  std::erase(wishes_, oldest->first);
  places_.erase(oldest);
}

}  // namespace partyline::mixer
