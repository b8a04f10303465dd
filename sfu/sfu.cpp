#include "sfu/sfu.hpp"

#include "sfu/endpoint.hpp"
#include "sfu/hub.hpp"

namespace partyline::sfu {

struct Sfu::Impl {
  std::shared_ptr<Hub> hub;
};

Sfu::Sfu(boost::asio::any_io_executor executor, SfuConfig config, std::shared_ptr<const rtp::DtlsIdentity> identity)
    : impl_(std::make_shared<Impl>()) {
  impl_->hub = std::make_shared<Hub>(std::move(executor), std::move(config), std::move(identity));
}
Sfu::~Sfu() {
  impl_->hub->stop();
}
core::Result<> Sfu::start() {
  return impl_->hub->start();
}
void Sfu::stop() {
  impl_->hub->stop();
}
void Sfu::add_routes(core::http::Server& server) {
  add_session_routes(server, impl_->hub);
}
std::vector<StreamInfo> Sfu::streams() const {
  return impl_->hub->streams();
}
const rtp::LinkBook& Sfu::links() const {
  return *impl_->hub;
}
void Sfu::set_identity(std::shared_ptr<const rtp::DtlsIdentity> identity) {
  impl_->hub->set_identity(std::move(identity));
}
uint16_t Sfu::media_port() const {
  return impl_->hub->media_port();
}

}  // namespace partyline::sfu
