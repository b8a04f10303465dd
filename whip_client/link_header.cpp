#include "whip_client/link_header.hpp"

#include <algorithm>
#include <optional>

namespace partyline::whip_client {

namespace {

constexpr size_t max_text = 16 * 1024, max_links = 32, max_parameters = 16;

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text.substr(0, max_text)) {}

  bool at_end() const { return rest_.empty(); }
  bool take(char c) {
    skip_space();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// Everything up to `end`, which is taken too.
  std::optional<std::string> until(char end) {
    const size_t at = rest_.find(end);
    if (at == std::string_view::npos) return std::nullopt;
    std::string taken(rest_.substr(0, at));
    rest_.remove_prefix(at + 1);
    return taken;
  }
  std::string token() {
    skip_space();
    const size_t end = std::min(rest_.find_first_of(" \t;,=\"<>"), rest_.size());
    std::string taken(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return taken;
  }
  /// The rest of a quoted-string whose opening quote is taken (RFC 9110 §5.6.4).
  std::optional<std::string> quoted() {
    std::string value;
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return value;
      if (c == '\\') {
        if (rest_.empty()) return std::nullopt;
        c = rest_.front();
        rest_.remove_prefix(1);
      }
      value += c;
    }
    return std::nullopt;
  }

 private:
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

  std::string_view rest_;
};

std::optional<Link> read_link(Reader& reader) {
  if (!reader.take('<')) return std::nullopt;
  auto target = reader.until('>');
  if (!target) return std::nullopt;
  Link link{std::move(*target), {}};
  while (reader.take(';')) {
    std::string name = reader.token();
    std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    std::string value;
    if (reader.take('=')) {
      if (reader.take('"')) {
        auto quoted = reader.quoted();
        if (!quoted) return std::nullopt;
        value = std::move(*quoted);
      } else {
        value = reader.token();
      }
    }
    if (link.parameters.size() >= max_parameters) return std::nullopt;
    if (!name.empty()) link.parameters.emplace_back(std::move(name), std::move(value));
  }
  return link;
}

}  // namespace

std::string_view Link::parameter(std::string_view name) const {
  const auto found = std::ranges::find(parameters, name, &std::pair<std::string, std::string>::first);
  return found == parameters.end() ? std::string_view() : std::string_view(found->second);
}

std::vector<Link> parse_link_header(std::string_view text) {
  std::vector<Link> links;
  Reader reader(text);
  while (!reader.at_end() && links.size() < max_links) {
    auto link = read_link(reader);
    if (!link) break;
    links.push_back(std::move(*link));
    if (!reader.take(',')) break;
  }
  return links;
}

}  // namespace partyline::whip_client
