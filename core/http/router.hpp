// Which handler answers a request: patterns with {placeholders} against the raw path, segment by segment (an escaped
// slash does not split a segment). Pure; one server owns one.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/server.hpp"

namespace partyline::core::http {

class Router {
 public:
  void add(std::string method, std::string_view pattern, Handler handler);

  struct Match {
    const Handler* handler = nullptr;           ///< null: nothing fits
    std::map<std::string, std::string> params;  ///< decoded
    bool head_from_get = false;
    std::set<std::string> allowed;  ///< methods the path knows, when no handler fits (405); empty: 404
  };
  /// `raw_path`: without query, not decoded.
  Match find(std::string_view method, std::string_view raw_path) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace partyline::core::http
