// LegRecordings: the files of a room's single legs: what each sends, as it came. One a leg at most; it ends with its
// leg or by the API, whichever comes first. They need no mix and keep no room mixing. Thread: network.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "gateway/leg.hpp"
#include "gateway/outputs/live_output.hpp"
#include "gateway/services.hpp"

namespace partyline::gateway {

class LegRecordings {
 public:
  LegRecordings(const Services& services, std::string room) : services_(services), room_(std::move(room)) {}
  ~LegRecordings();
  LegRecordings(const LegRecordings&) = delete;
  LegRecordings& operator=(const LegRecordings&) = delete;

  /// The id of the new output. `conflict`: the leg is recorded already; `forbidden`: recordings are switched off.
  core::Result<std::string> record(const std::shared_ptr<Leg>& leg) { return record(leg, false); }
  /// Each leg there is, and each that joined() tells of, until `output` (of the mix) is removed.
  void record_each(const std::string& output, const std::map<std::string, std::shared_ptr<Leg>>& legs);
  void joined(const std::shared_ptr<Leg>& leg);
  void left(const std::string& leg);
  /// Ends the recording `output`, or those that came with it. False: there is no such recording.
  bool remove(const std::string& output);

  size_t size() const { return recordings_.size(); }
  /// Empty: no such recording.
  boost::json::object describe(const std::string& output) const;
  void describe(boost::json::array& outputs) const;

 private:
  struct Recording {
    std::shared_ptr<Leg> leg;
    std::shared_ptr<LiveOutput> live;
    bool of_each = false;
  };
  core::Result<std::string> record(const std::shared_ptr<Leg>& leg, bool of_each);
  void end_if(const std::function<bool(const std::string& output, const Recording&)>& chosen);
  void end(Recording& recording);

  const Services& services_;
  const std::string room_;
  std::map<std::string, Recording> recordings_;  ///< by output id
  std::set<std::string> each_;                   ///< outputs that came with one for each leg
};

}  // namespace partyline::gateway
