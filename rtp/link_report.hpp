// How each client's link to a media server fares, for whoever wants to show it: the server keeps the book, others read
// it and need not know what server it is. Thread: the server's executor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "rtp/link_journal.hpp"
#include "rtp/session.hpp"

namespace partyline::rtp {

struct LinkFigures {
  /// As the server sees it: received from the client, sent to it. Losses of what is sent are those that it reports.
  SessionStats session;
  struct Layer {
    std::string rid;
    core::Bitrate bitrate;
    bool comes = false;  ///< now
  };
  std::vector<Layer> layers;  ///< of a publisher with simulcast, in its offer's order
  std::string layer;          ///< of those, the one that a player is sent; empty: none
};

struct LinkReport {
  std::string app, stream, client, address;
  bool publishes = false;  ///< else it plays
  core::Duration age{};
  LinkFigures figures;
  LinkJournal::Rates rates;
  std::optional<double> mos;  ///< of a publisher's voice as it arrives
  std::string words;          ///< as in the closing log line, if that was asked for
};

class LinkBook {
 public:
  virtual ~LinkBook() = default;
  /// Of the stream's publisher, while it is connected.
  virtual std::optional<LinkReport> publisher(const std::string& app, const std::string& stream) const = 0;
  /// Of all clients that are connected; `app` empty: of every app. `in_words`: to be read by people, which costs more
  /// than all figures.
  virtual std::vector<LinkReport> links(const std::string& app, bool in_words) const = 0;
};

}  // namespace partyline::rtp
