// Layout plans from JSON.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "mixer/video/layout_plan.hpp"

namespace partyline::mixer {
namespace {

namespace json = boost::json;
using core::ErrorCode;
using core::make_error;
using core::Result;
using Role = LayoutRegion::Role;
using Spread = LayoutRegion::Spread;

constexpr size_t kMostRegions = 16;
constexpr size_t kLongestName = 32;
constexpr int kMostMembers = 10000;

core::Error wrong(std::string_view what) {
  return make_error(ErrorCode::invalid, fmt::format("layout: {}", what));
}

Result<> only_knows(const json::object& object, std::initializer_list<std::string_view> known, std::string_view where) {
  for (const auto& member : object)
    if (std::ranges::find(known, std::string_view(member.key())) == known.end())
      return wrong(fmt::format("{} has no field '{}'; it has {}", where, std::string_view(member.key()).substr(0, 40),
                               fmt::join(known, ", ")));
  return {};
}

std::optional<int> whole(const json::value& value, int least, int most) {
  json::error_code error;
  const auto number = value.is_number() ? value.to_number<int64_t>(error) : int64_t{-1};
  if (!value.is_number() || error || number < least || number > most) return std::nullopt;
  return static_cast<int>(number);
}

template <class Word>
std::optional<Word> word(const json::value& value, std::initializer_list<std::pair<std::string_view, Word>> words) {
  if (!value.is_string()) return std::nullopt;
  for (const auto& [name, meaning] : words)
    if (std::string_view(value.get_string()) == name) return meaning;
  return std::nullopt;
}

Result<> read_area(const json::object& object, LayoutRegion& region) {
  const auto* area = object.if_contains("area");
  if (!area) return {};
  const auto complaint = wrong("'area' is [x, y, width, height] in fractions of the canvas, inside it");
  if (!area->is_array() || area->get_array().size() != 4) return complaint;
  double numbers[4];
  for (size_t i = 0; i < 4; ++i) {
    const auto& value = area->get_array()[i];
    if (!value.is_number()) return complaint;
    numbers[i] = value.to_number<double>();
    if (!(numbers[i] >= 0 && numbers[i] <= 1)) return complaint;
  }
  const auto [x, y, width, height] = numbers;
  constexpr double kRounding = 1e-6, kSmallest = 0.02;
  if (width < kSmallest || height < kSmallest || x + width > 1 + kRounding || y + height > 1 + kRounding)
    return complaint;
  region.x = x;
  region.y = y;
  region.width = width;
  region.height = height;
  return {};
}

Result<LayoutRegion> read_region(const json::value& value) {
  if (!value.is_object()) return wrong("a region is an object");
  const auto& object = value.get_object();
  if (auto known = only_knows(object, {"area", "role", "spread", "most"}, "a region"); !known) return known.error();
  LayoutRegion region;
  if (auto area = read_area(object, region); !area) return area.error();
  if (const auto* role = object.if_contains("role")) {
    const auto meant = word<Role>(
        *role, {{"anybody", Role::anybody}, {"speaker", Role::speaker}, {"presentation", Role::presentation}});
    if (!meant) return wrong("'role' is anybody, speaker or presentation");
    region.role = *meant;
  }
  if (const auto* spread = object.if_contains("spread")) {
    const auto meant = word<Spread>(
        *spread, {{"grid", Spread::grid}, {"row", Spread::row}, {"column", Spread::column}, {"one", Spread::one}});
    if (!meant) return wrong("'spread' is grid, row, column or one");
    region.spread = *meant;
  }
  if (const auto* most = object.if_contains("most")) {
    const auto number = whole(*most, 1, kMaxTilesShown);
    if (!number) return wrong(fmt::format("'most' is 1 to {}", kMaxTilesShown));
    region.most = *number;
  }
  return region;
}

Result<> read_automatic(const json::value& value, LayoutPlan& plan) {
  if (!value.is_object()) return wrong("'automatic' is an object");
  const auto& object = value.get_object();
  if (auto known = only_knows(object, {"members", "presentation"}, "'automatic'"); !known) return known;
  if (const auto* presentation = object.if_contains("presentation")) {
    if (!presentation->is_bool()) return wrong("'presentation' is true or false");
    plan.automatic_presentation = presentation->get_bool();
  }
  if (const auto* members = object.if_contains("members")) {
    const auto complaint = wrong("'members' is [least, most]");
    if (!members->is_array() || members->get_array().size() != 2) return complaint;
    const auto least = whole(members->get_array()[0], 1, kMostMembers);
    const auto most = whole(members->get_array()[1], 1, kMostMembers);
    if (!least || !most || *least > *most) return complaint;
    plan.automatic_members = {*least, *most};
  }
  return {};
}

bool is_layout_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && name != "auto" &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace

Result<LayoutPlan> parse_layout(std::string_view text) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = 6;
  const auto value = json::parse(text, error, {}, options);
  if (error) return wrong("this is no JSON: " + error.message());
  if (!value.is_object()) return wrong("a layout is an object");
  const auto& object = value.get_object();
  if (auto known = only_knows(object, {"name", "regions", "automatic"}, "it"); !known) return known.error();
  LayoutPlan plan;
  const auto* name = object.if_contains("name");
  if (!name || !name->is_string() || !is_layout_name(std::string_view(name->get_string())))
    return wrong("'name' is 1 to 32 of a-z, 0-9 and -, and not auto");
  plan.name = name->get_string();
  const auto* regions = object.if_contains("regions");
  if (!regions || !regions->is_array() || regions->get_array().empty() || regions->get_array().size() > kMostRegions)
    return wrong(fmt::format("'regions' is a list of 1 to {}", kMostRegions));
  for (const auto& entry : regions->get_array()) {
    auto region = read_region(entry);
    if (!region) return region.error();
    plan.regions.push_back(*region);
  }
  if (const auto* automatic = object.if_contains("automatic"))
    if (auto read = read_automatic(*automatic, plan); !read) return read.error();
  return plan;
}

}  // namespace partyline::mixer
