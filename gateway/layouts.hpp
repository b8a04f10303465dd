// The layouts of a folder: one JSON file each (mixer/video/layout_plan.hpp says what is in it).
#pragma once

#include <memory>
#include <string>

#include "core/result.hpp"
#include "gateway/config.hpp"
#include "mixer/video/decor.hpp"
#include "mixer/video/layout_plan.hpp"

namespace partyline::gateway {

/// Grid and speaker, and what is in `folder` (in order of the files' names; empty: nothing). Errors name the file.
core::Result<std::shared_ptr<const mixer::LayoutCatalog>> load_layouts(const std::string& folder);

/// `configured`, else conf/layouts beside the binary's source tree or PREFIX/share/partyline/layouts; empty: none.
std::string find_layouts(const std::string& configured);

/// Reads what [rooms] background and logo name; null when they name nothing. Errors say where the key stands.
core::Result<std::shared_ptr<const mixer::Decor>> load_decor(const Config::Rooms& rooms);

/// Whether all layouts that [rooms] names are there.
core::Result<> check_layout_names(const mixer::LayoutCatalog& layouts, const Config::Rooms& rooms);

/// Whether what [rooms] names can be used: layouts, the layout to begin with, pictures.
core::Result<> check_rooms(const Config::Rooms& rooms);

}  // namespace partyline::gateway
