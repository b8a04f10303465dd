// SrtpSession against a second implementation (OpenSSL's ciphers, put together as the RFCs say), which is itself held
// against the RFCs' own numbers; over several wraps of the sequence number.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "rtp/transport/packet_kind.hpp"
#include "rtp/transport/srtp_session.hpp"
#include "tests/rtp/transport/support.hpp"

namespace partyline::rtp {
namespace {

using namespace test;
using Bytes = std::vector<uint8_t>;

Bytes hex(std::string_view text) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

struct Cipher {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  ~Cipher() { EVP_CIPHER_CTX_free(context); }
};

// AES in counter mode (RFC 3711 §4.1.1): `iv` is the 16-byte first counter.
Bytes aes_ctr(const Bytes& key, const Bytes& iv, Bytes text) {
  Cipher cipher;
  int size = 0;
  EVP_EncryptInit_ex(cipher.context, EVP_aes_128_ctr(), nullptr, key.data(), iv.data());
  EVP_EncryptUpdate(cipher.context, text.data(), &size, text.data(), static_cast<int>(text.size()));
  return text;
}

// RFC 3711 §4.3.1 with a key derivation rate of 0. A salt of 96 bits has zeros behind it (RFC 7714 §11).
Bytes derive(const Bytes& master_key, Bytes master_salt, uint8_t label, size_t size) {
  master_salt.resize(16);
  master_salt[7] ^= label;
  return aes_ctr(master_key, master_salt, Bytes(size));
}

struct SessionKeys {
  Bytes key, salt, auth;

  SessionKeys() = default;
  SessionKeys(const Bytes& master_key, const Bytes& master_salt)
      : key(derive(master_key, master_salt, 0, 16)),
        salt(derive(master_key, master_salt, 2, master_salt.size())),
        auth(derive(master_key, master_salt, 1, 20)) {}
};

void mix(Bytes& bytes, size_t at, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) bytes[at + i] ^= static_cast<uint8_t>(value >> 8 * (size - 1 - i));
}

// RFC 3711 §4.1.1 and §4.2.1, tag of 80 bits.
Bytes protect_cm(const SessionKeys& keys, const Bytes& packet, uint32_t roc) {
  Bytes iv = keys.salt;
  iv.resize(16);
  mix(iv, 4, ssrc_of_rtp(packet), 4);
  mix(iv, 8, uint64_t{roc} << 16 | uint64_t{packet[2]} << 8 | packet[3], 6);
  const Bytes body = aes_ctr(keys.key, iv, Bytes(packet.begin() + 12, packet.end()));
  Bytes result(packet.begin(), packet.begin() + 12);
  result.insert(result.end(), body.begin(), body.end());
  Bytes signed_part = result;
  for (int shift = 24; shift >= 0; shift -= 8) signed_part.push_back(static_cast<uint8_t>(roc >> shift));
  std::array<uint8_t, 20> tag;
  unsigned size = 0;
  HMAC(EVP_sha1(), keys.auth.data(), static_cast<int>(keys.auth.size()), signed_part.data(), signed_part.size(),
       tag.data(), &size);
  result.insert(result.end(), tag.begin(), tag.begin() + 10);
  return result;
}

// RFC 7714 §8.1 and §8.2.
Bytes protect_gcm(const SessionKeys& keys, const Bytes& packet, uint32_t roc) {
  Bytes iv = keys.salt;
  mix(iv, 2, ssrc_of_rtp(packet), 4);
  mix(iv, 6, uint64_t{roc} << 16 | uint64_t{packet[2]} << 8 | packet[3], 6);
  Cipher cipher;
  int size = 0;
  Bytes result = packet;
  EVP_EncryptInit_ex(cipher.context, EVP_aes_128_gcm(), nullptr, keys.key.data(), iv.data());
  EVP_EncryptUpdate(cipher.context, nullptr, &size, packet.data(), 12);
  EVP_EncryptUpdate(cipher.context, result.data() + 12, &size, packet.data() + 12,
                    static_cast<int>(packet.size()) - 12);
  EVP_EncryptFinal_ex(cipher.context, result.data(), &size);
  result.resize(packet.size() + 16);
  EVP_CIPHER_CTX_ctrl(cipher.context, EVP_CTRL_GCM_GET_TAG, 16, result.data() + packet.size());
  return result;
}

TEST(SrtpVectors, keys_are_derived_as_in_rfc_3711_b_3) {
  const SessionKeys keys(hex("E1F97A0D3E018BE0D64FA32C06DE4139"), hex("0EC675AD498AFEEBB6960B3AABE6"));
  EXPECT_EQ(keys.key, hex("C61E7A93744F39EE10734AFE3FF7A087"));
  EXPECT_EQ(keys.salt, hex("30CBBC08863D8C85D49DB34A9AE1"));
  EXPECT_EQ(keys.auth, hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

TEST(SrtpVectors, the_key_stream_is_that_of_rfc_3711_b_2) {
  Bytes iv = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
  const Bytes stream = aes_ctr(hex("2B7E151628AED2A6ABF7158809CF4F3C"), iv, Bytes(48));
  EXPECT_EQ(stream,
            hex("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0"));
}

TEST(SrtpVectors, a_packet_is_sealed_as_in_rfc_7714_16_1_1) {
  SessionKeys keys;
  keys.key = hex("000102030405060708090a0b0c0d0e0f");
  keys.salt = hex("517569642070726f2071756f");
  Bytes plain = hex("8040f17b8041f8d35501a0b2");
  for (const char c : std::string("Gallia est omnis divisa in partes tres")) plain.push_back(static_cast<uint8_t>(c));
  EXPECT_EQ(
      protect_gcm(keys, plain, 0),
      hex("8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d"
          "7f27beb16a9152cf765ee4390cce"));
}

// master key, then master salt
struct Profile {
  SrtpProfile profile;
  const char* key;
  const char* salt;
  Bytes (*protect)(const SessionKeys&, const Bytes&, uint32_t);
};

class SrtpReference : public testing::TestWithParam<Profile> {
 protected:
  const Bytes key = hex(GetParam().key), salt = hex(GetParam().salt);
  std::unique_ptr<SrtpSession> sender, receiver;

  SrtpReference() {
    Bytes ours = key, theirs(key.size() + salt.size(), 0x55);
    ours.insert(ours.end(), salt.begin(), salt.end());
    sender = *SrtpSession::create(GetParam().profile, ours, theirs);
    receiver = *SrtpSession::create(GetParam().profile, theirs, ours);
  }
};

INSTANTIATE_TEST_SUITE_P(Profiles, SrtpReference,
                         testing::Values(Profile{SrtpProfile::aes128_cm_sha1_80, "E1F97A0D3E018BE0D64FA32C06DE4139",
                                                 "0EC675AD498AFEEBB6960B3AABE6", protect_cm},
                                         Profile{SrtpProfile::aead_aes_128_gcm, "000102030405060708090a0b0c0d0e0f",
                                                 "a0a1a2a3a4a5a6a7a8a9aaab", protect_gcm}));

TEST_P(SrtpReference, every_packet_is_what_the_rfc_makes_of_it_over_three_wraps) {
  const SessionKeys keys(key, salt);
  uint64_t compared = 0;
  // Every number around a wrap; in between, steps near the limit of what tells forth from back.
  const auto next = [](uint64_t index) {
    const uint64_t low = index & 0xffff;
    return index + (low >= 65530 || low < 10 ? 1 : std::min<uint64_t>(0x2fff, 65530 - low));
  };
  for (uint64_t index = 65530; index < 3 * 65536 + 10; index = next(index)) {
    const Bytes plain = rtp_packet(static_cast<uint16_t>(index), 0xCAFEBABE, 38);
    Bytes packet = plain;
    packet.resize(plain.size() + SrtpSession::kTrailer);
    const auto sealed = sender->protect_rtp(packet.data(), plain.size());
    ASSERT_TRUE(sealed);
    packet.resize(*sealed);
    ASSERT_EQ(packet, GetParam().protect(keys, plain, static_cast<uint32_t>(index >> 16))) << "index " << index;
    const auto opened = receiver->unprotect_rtp(packet.data(), packet.size());
    ASSERT_TRUE(opened) << "index " << index;
    packet.resize(*opened);
    ASSERT_EQ(packet, plain);
    ++compared;
  }
  EXPECT_EQ(compared, 60u);
}

}  // namespace
}  // namespace partyline::rtp
