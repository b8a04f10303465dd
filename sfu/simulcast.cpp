#include "sfu/simulcast.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/picture_worth.hpp"
#include "rtp/sdp/section.hpp"
#include "rtp/sdp/text.hpp"

namespace partyline::sfu {
namespace {

using rtp::sdp::repaired_rid_uri;
using rtp::sdp::rid_uri;

constexpr double kEnter = 1.25, kStay = 1.5;  // × the wish: what a layer may have to be taken, or kept
constexpr double kEnterPath = 0.9;            // × the path
constexpr double kCovers = 0.8;               // × the wish: the worth of a size that is large enough
constexpr double kNewLimit = 0.2;
constexpr core::Duration kHold = std::chrono::seconds(2);

// RFC 8851 §10: 1*255(alpha-numeric / "-" / "_"); one-byte extensions carry 16 of them.
bool is_rid(std::string_view text) {
  return !text.empty() && text.size() <= 16 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string_view cut(std::string_view& rest, char separator) {
  const size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

// "simulcast:send h;m,m2;~l" → h, m, l: of alternatives the first, paused ones as well.
std::vector<std::string> rids_of(std::string_view line) {
  std::vector<std::string> rids;
  line.remove_prefix(std::string_view("simulcast:").size());
  for (int bound = 0; bound < 4 && !line.empty(); ++bound) {
    if (cut(line, ' ') != "send") {
      cut(line, ' ');
      continue;
    }
    std::string_view list = cut(line, ' ');
    while (!list.empty() && rids.size() < Simulcast::kMostLayers) {
      std::string_view alternatives = cut(list, ';');
      std::string_view rid = cut(alternatives, ',');
      if (rid.starts_with('~')) rid.remove_prefix(1);
      if (is_rid(rid) && std::ranges::find(rids, rid) == rids.end()) rids.emplace_back(rid);
    }
    break;
  }
  return rids;
}

/// "rid:h send max-width=1280;max-height=720;max-br=2000000" and the like.
Simulcast::Promise promise_of(const rtp::sdp::Media& offered, const std::string& rid) {
  const std::string head = "rid:" + rid + " send ";
  for (const std::string& line : offered.attributes) {
    if (!line.starts_with(head)) continue;
    const std::string restrictions = line.substr(head.size());
    const auto number = [&](std::string_view name) { return rtp::sdp::text::fmtp_number(restrictions, name, 0); };
    const auto side = [&](std::string_view name) { return static_cast<int>(std::min(number(name), 16384U)); };
    Simulcast::Promise promise;
    promise.bits = number("max-br");
    const core::VideoSize size{side("max-width"), side("max-height")};
    if (size.width > 0 && size.height > 0)
      promise.worth = static_cast<double>(core::picture_worth(size).bits_per_second);
    return promise;
  }
  return {};
}

}  // namespace

Simulcast offered_simulcast(const rtp::sdp::Media& offered) {
  Simulcast result;
  const auto extension = std::ranges::find(offered.extensions, rid_uri, &rtp::sdp::Extension::uri);
  if (extension == offered.extensions.end() || extension->id > 14) return result;
  for (const std::string& line : offered.attributes) {
    if (!line.starts_with("simulcast:")) continue;
    result.rids = rids_of(line);
    break;
  }
  // A layer is one only if its a=rid says so, too.
  std::erase_if(result.rids, [&](const std::string& rid) {
    return std::ranges::none_of(offered.attributes, [&](const std::string& line) {
      return line == "rid:" + rid + " send" || line.starts_with("rid:" + rid + " send ");
    });
  });
  if (result.rids.size() < 2) return {};
  for (const std::string& rid : result.rids) result.promises.push_back(promise_of(offered, rid));
  result.rid_extension = extension->id;
  const auto repaired = std::ranges::find(offered.extensions, repaired_rid_uri, &rtp::sdp::Extension::uri);
  if (repaired != offered.extensions.end() && repaired->id <= 14) result.repaired_extension = repaired->id;
  return result;
}

void accept_simulcast(const Simulcast& simulcast, rtp::sdp::Media& section) {
  if (simulcast.rids.empty()) return;
  section.extensions.push_back({simulcast.rid_extension, std::string(rid_uri)});
  if (simulcast.repaired_extension != 0)
    section.extensions.push_back({simulcast.repaired_extension, std::string(repaired_rid_uri)});
  std::string list;
  for (const std::string& rid : simulcast.rids) {
    section.attributes.push_back("rid:" + rid + " recv");
    list += (list.empty() ? "" : ";") + rid;
  }
  section.attributes.push_back("simulcast:recv " + list);
}

size_t LayerChoice::covering(std::span<const Layer> layers, size_t best, double wish) {
  for (size_t i = 0; i < layers.size(); ++i) {
    const bool smaller = layers[i].worth < layers[best].worth || layers[best].worth == 0;
    if (layers[i].available && smaller && layers[i].worth >= kCovers * wish) best = i;
  }
  return best;
}

size_t LayerChoice::choose(std::span<const Layer> layers, std::optional<double> wish, std::optional<double> path,
                           core::TimePoint now) {
  std::optional<double> limit = wish;
  if (path) limit = limit ? std::min(*limit, *path) : *path;
  const bool sized = std::ranges::all_of(layers, [](const Layer& l) { return !l.available || l.worth > 0; });
  const auto rank = [&](size_t i) { return sized ? layers[i].worth : layers[i].bits_per_second; };
  std::optional<size_t> fits, smallest;
  const bool kept = chosen_ < layers.size() && layers[chosen_].available;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!layers[i].available) continue;
    const double bits = layers[i].bits_per_second;
    double most = wish ? *wish * (i == chosen_ ? kStay : kEnter) : bits;
    if (path) most = std::min(most, *path * (i == chosen_ ? 1 : kEnterPath));
    if (bits <= most && (!fits || rank(i) > rank(*fits))) fits = i;
    if (!smallest || bits < layers[*smallest].bits_per_second) smallest = i;
  }
  if (!smallest) return chosen_;  // nothing comes at all
  const size_t best = fits && wish ? covering(layers, *fits, *wish) : fits.value_or(*smallest);
  const bool new_limit =
      limit.has_value() != limit_.has_value() || (limit && limit_ && std::abs(*limit - *limit_) > kNewLimit * *limit_);
  if (new_limit) limit_ = limit;
  if (best == chosen_) return chosen_;
  if (kept && !new_limit && changed_ && now - *changed_ < kHold) return chosen_;
  changed_ = now;
  chosen_ = best;
  return chosen_;
}

}  // namespace partyline::sfu
