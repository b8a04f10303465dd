#include "gateway/layouts.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "core/log.hpp"

namespace partyline::gateway {
namespace {

namespace fs = std::filesystem;
using core::ErrorCode;
using core::make_error;
using core::Result;

constexpr size_t kMostLayouts = 100;
constexpr uintmax_t kLargestFile = 64 * 1024;

Result<mixer::LayoutPlan> load(const fs::path& path) {
  std::error_code error;
  if (fs::file_size(path, error) > kLargestFile || error)
    return make_error(ErrorCode::invalid, "not a readable file of 64 KiB at most");
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.good() && !file.eof()) return make_error(ErrorCode::io, "cannot be read");
  return mixer::parse_layout(text);
}

}  // namespace

Result<std::shared_ptr<const mixer::LayoutCatalog>> load_layouts(const std::string& folder) {
  auto catalog = std::make_shared<mixer::LayoutCatalog>();
  if (folder.empty()) return std::shared_ptr<const mixer::LayoutCatalog>(catalog);
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  if (error) return make_error(ErrorCode::io, "[rooms] layouts: " + folder + ": " + error.message());
  if (files.size() > kMostLayouts) return make_error(ErrorCode::limit, "[rooms] layouts: more than 100 files");
  std::ranges::sort(files);
  for (const auto& file : files) {
    auto plan = load(file);
    if (!plan) return plan.error().with_context(core::printable(file.string()));
    catalog->add(std::move(*plan));
  }
  return std::shared_ptr<const mixer::LayoutCatalog>(catalog);
}

Result<std::shared_ptr<const mixer::Decor>> load_decor(const Config::Rooms& rooms) {
  auto decor = std::make_shared<mixer::Decor>();
  const auto read = [](const char* key, const Config::PictureFile& file, mixer::BitmapPtr& into) -> Result<> {
    if (file.path.empty()) return {};
    auto bitmap = mixer::read_png(file.path);
    if (!bitmap)
      return bitmap.error().with_context(file.place + ": [rooms] " + key + ": " + core::printable(file.path));
    into = std::move(*bitmap);
    return {};
  };
  if (auto done = read("background", rooms.background, decor->background); !done) return done.error();
  if (auto done = read("logo", rooms.logo, decor->logo); !done) return done.error();
  if (!decor->background && !decor->logo) return std::shared_ptr<const mixer::Decor>();
  return std::shared_ptr<const mixer::Decor>(decor);
}

Result<> check_layout_names(const mixer::LayoutCatalog& layouts, const Config::Rooms& rooms) {
  const auto check = [&](const char* key, const std::string& name) -> Result<> {
    if (layouts.knows(name)) return {};
    return make_error(ErrorCode::invalid, fmt::format("[rooms] {}: '{}' is no layout; there are: {}", key,
                                                      core::printable(name), fmt::join(layouts.names(), ", ")));
  };
  if (auto known = check("layout", rooms.layout); !known) return known;
  for (const auto& [keys, layout] : rooms.dtmf)
    if (auto known = check("dtmf", layout); !known) return known;
  return {};
}

Result<> check_rooms(const Config::Rooms& rooms) {
  const auto layouts = load_layouts(find_layouts(rooms.layouts));
  if (!layouts) return layouts.error();
  if (auto known = check_layout_names(**layouts, rooms); !known) return known;
  if (const auto decor = load_decor(rooms); !decor) return decor.error();
  return {};
}

std::string find_layouts(const std::string& configured) {
  if (!configured.empty()) return configured;
  std::error_code error;
  const fs::path binary = fs::read_symlink("/proc/self/exe", error);
  for (const auto& candidate :
       {binary.parent_path() / "../../conf/layouts", binary.parent_path() / "../share/partyline/layouts"})
    if (fs::is_directory(candidate, error)) return fs::weakly_canonical(candidate, error).string();
  return {};
}

}  // namespace partyline::gateway
