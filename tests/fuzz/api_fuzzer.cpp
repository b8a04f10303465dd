// Bodies of /api/v1: first line the Content-Type and a Host, the rest JSON. What is taken is within its limits.
#include <cstdlib>
#include <string>

#include "gateway/access.hpp"
#include "gateway/api_bodies.hpp"
#include "gateway/names.hpp"
#include "gateway/outputs/output_url.hpp"

using namespace partyline;
using namespace partyline::gateway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.find('\n');
  const std::string header(text.substr(0, line));
  const std::string_view body = line == std::string_view::npos ? std::string_view{} : text.substr(line + 1);
  core::http::Request request;
  request.headers = {{"Content-Type", header}, {"Host", header}, {"Authorization", header}};
  request.remote_is_loopback = true;
  (void)check_json_body(request);
  (void)check_api_access(request, "");
  if (check_api_access(request, "secret") && header != "Bearer secret") std::abort();
  (void)read_room_settings(body);
  (void)read_dial(body);
  (void)read_width({{"width", header}});
  if (const auto settings = read_settings({}, body))
    if (!(settings->gain_db >= -60 && settings->gain_db <= 24)) std::abort();
  const auto output = read_output("demo", body, 0);
  if (output && !output->leg.empty() && (!output->url.empty() || output->each_leg)) std::abort();
  const std::string wanted = output && output->leg.empty() ? output->url : std::string(body);
  if (const auto target = parse_output_url(wanted, "")) {
    if (target->file || target->muxer.empty() || target->protocols.empty()) std::abort();
    if (target->url.find_first_of(" \r\n") != std::string::npos) std::abort();
  }
  (void)redact_url(wanted);
  if (is_valid_name(header) && header.find('/') != std::string::npos) std::abort();
  return 0;
}
