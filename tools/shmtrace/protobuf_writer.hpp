// SPDX-License-Identifier: Apache-2.0
//
// Fields of a protobuf message on the wire: varints, and what has a length. A profile needs no more; the library would
// bring a compiler into the build for six small messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trackshm::tools {

class ProtobufWriter {
public:
    // Zero is what a reader takes for a missing field: it is left out.
    void number(unsigned field, std::uint64_t value) {
        if (value == 0) return;
        varint(field << 3 | varint_type);
        varint(value);
    }

    void text(unsigned field, std::string_view bytes) {
        varint(field << 3 | length_type);
        varint(bytes.size());
        bytes_ += bytes;
    }

    void message(unsigned field, const ProtobufWriter& message) { text(field, message.bytes_); }

    void packed(unsigned field, const std::vector<std::uint64_t>& values) {
        ProtobufWriter list;
        for (const std::uint64_t value : values) list.varint(value);
        message(field, list);
    }

    const std::string& bytes() const noexcept { return bytes_; }

private:
    static constexpr unsigned varint_type = 0;
    static constexpr unsigned length_type = 2;

    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
        bytes_.push_back(static_cast<char>(value));
    }

    std::string bytes_;
};

}  // namespace trackshm::tools
