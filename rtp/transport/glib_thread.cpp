#include "rtp/transport/glib_thread.hpp"

#include <chrono>
#include <utility>

namespace partyline::rtp {
namespace {

gboolean stay(gpointer) {
  return G_SOURCE_CONTINUE;
}

}  // namespace

GlibThread::GlibThread() : context_(g_main_context_new()), thread_([this] { run(); }) {}

GlibThread::~GlibThread() {
  post([this] { stopping_ = true; });
  thread_.join();
  g_main_context_unref(context_);
}

void GlibThread::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  // Not g_main_context_invoke(): that would run the work right here whenever the loop is not inside its context.
  GSource* source = g_idle_source_new();
  g_source_set_priority(source, G_PRIORITY_DEFAULT);
  g_source_set_callback(
      source,
      [](gpointer self) -> gboolean {
        static_cast<GlibThread*>(self)->run_first();
        return G_SOURCE_REMOVE;
      },
      this, nullptr);
  g_source_attach(source, context_);
  g_source_unref(source);
}

void GlibThread::run_first() {
  std::function<void()> work;
  {
    const std::lock_guard lock(mutex_);
    work = std::move(work_.front());
    work_.pop_front();
  }
  work();
}

void GlibThread::run() {
  g_main_context_push_thread_default(context_);
  while (!stopping_) g_main_context_iteration(context_, TRUE);

  constexpr int kTick = 20, kTicks = 50;  // ms, ticks: a second for TURN servers to answer
  if (closing_ > 0) {
    GSource* tick = g_timeout_source_new(kTick);
    g_source_set_callback(tick, stay, nullptr, nullptr);
    g_source_attach(tick, context_);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kTick * kTicks);
    while (closing_ > 0 && std::chrono::steady_clock::now() < deadline) g_main_context_iteration(context_, TRUE);
    g_source_destroy(tick);
    g_source_unref(tick);
  }
  while (g_main_context_iteration(context_, FALSE)) {
  }
  g_main_context_pop_thread_default(context_);
}

}  // namespace partyline::rtp
