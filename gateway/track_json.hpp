// The statistics of RTP sessions as the API tells them (docs/openapi.yaml: Track, VideoTrack). Thread: pure functions.
#pragma once

#include <boost/json/object.hpp>

#include "rtp/link_report.hpp"
#include "rtp/session.hpp"

namespace partyline::gateway {

/// To a tenth.
double rounded(double value);
boost::json::object describe_track(const rtp::TrackStats& track);
/// The same with what only pictures have.
boost::json::object describe_video_track(const rtp::TrackStats& track);
/// Sets "audio" and "video" of `out`: null where there is none.
void describe_tracks(boost::json::object& out, const rtp::SessionStats& session, const rtp::LinkJournal::Rates& rates);

/// A client's link to the SFU.
boost::json::object describe_link(const rtp::LinkReport& link);

}  // namespace partyline::gateway
