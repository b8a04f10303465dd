#include "core/log.hpp"

#include <gtest/gtest.h>

namespace partyline::core {
namespace {

TEST(Printable, WhatIsNoUtf8IsNeverPassedOn) {
  for (const char* good : {"Zo\xC3\xAB", "\xE4\xB8\xAD", "\xF0\x9F\x98\x80", "plain"}) EXPECT_EQ(printable(good), good);
  for (const std::string bad :
       {"\xFF", "\xC3", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF0\x80\x80\xAF", "\xF4\x90\x80\x80", "\x80"})
    for (const char c : printable("a" + bad + "b")) EXPECT_LT(static_cast<unsigned char>(c), 0x80) << printable(bad);
}

}  // namespace
}  // namespace partyline::core
