#include "gateway/pages.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>

#include "core/log.hpp"

namespace partyline::gateway {
namespace {
namespace fs = std::filesystem;
namespace http = core::http;

struct Page {
  std::string type, body, etag;
};

const std::map<std::string, std::string>& content_types() {
  static const std::map<std::string, std::string> types{{".html", "text/html; charset=utf-8"},
                                                        {".css", "text/css; charset=utf-8"},
                                                        {".js", "text/javascript; charset=utf-8"},
                                                        {".svg", "image/svg+xml"},
                                                        {".png", "image/png"},
                                                        {".json", "application/json"},
                                                        {".webmanifest", "application/manifest+json"}};
  return types;
}

// Everything a page of ours needs comes from us; camera and microphone are its business and nobody else's.
constexpr char kPolicy[] =
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob: mediastream:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

http::Response serve(const Page& page, const http::Request& request) {
  http::Response response;
  response.headers = {{"Content-Type", page.type},           {"ETag", page.etag},
                      {"Cache-Control", "no-cache"},         {"Content-Security-Policy", kPolicy},
                      {"X-Content-Type-Options", "nosniff"}, {"Referrer-Policy", "no-referrer"}};
  if (request.header("If-None-Match") == page.etag)
    response.status = 304;
  else
    response.body = page.body;
  return response;
}
}  // namespace

void add_page_routes(http::Server& server, const std::string& web_root, bool embedded) {
  server.route("GET", "/settings.json", [embedded](http::Request) -> boost::asio::awaitable<http::Response> {
    http::Response response;
    response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-cache"}};
    response.body = fmt::format("{{\"simulcast\":{0},\"redundancy\":{0}}}", embedded);
    co_return response;
  });
  std::error_code error, unknown;
  fs::recursive_directory_iterator at(web_root, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    const fs::directory_entry& entry = *at;
    const auto type = content_types().find(entry.path().extension().string());
    if (!entry.is_regular_file(unknown) || type == content_types().end()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    auto page = std::make_shared<Page>();
    page->type = type->second;
    page->body.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    page->etag = fmt::format("\"{:x}\"", std::hash<std::string>{}(page->body));
    const std::string path = fs::relative(entry.path(), web_root).generic_string();
    const auto handler = [page](http::Request request) -> boost::asio::awaitable<http::Response> {
      co_return serve(*page, request);
    };
    if (path == "join/index.html")
      server.route("GET", "/", handler);
    else if (path.ends_with("/index.html"))
      server.route("GET", "/" + path.substr(0, path.size() - 11), handler);
    else
      server.route("GET", "/" + path, handler);
  }
  if (error) core::log_warn("pages at {} cannot be read: {}", web_root, error.message());
}

std::string find_web_root(const std::string& configured) {
  if (!configured.empty()) return configured;
  std::error_code error;
  const fs::path binary = fs::read_symlink("/proc/self/exe", error);
  // build/PRESET/partyline in a source tree, PREFIX/bin/partyline where it is installed.
  for (const auto& candidate : {binary.parent_path() / "../../web", binary.parent_path() / "../share/partyline/web"})
    if (fs::exists(candidate / "join/index.html", error)) return fs::weakly_canonical(candidate, error).string();
  return {};
}

}  // namespace partyline::gateway
