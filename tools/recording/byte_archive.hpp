// SPDX-License-Identifier: Apache-2.0
//
// Values to bytes and back. Both archives take the same values in the same order, so that one list of a struct's members
// serves both ways (snapshot_codec.cpp). Integers are LEB128 varints: most figures are small or zero.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace trackshm::tools {

class ByteWriter {
public:
    static constexpr bool is_reader = false;

    void value(bool flag) { bytes_.push_back(flag ? '\1' : '\0'); }

    template <std::integral Integer>
    void value(Integer integer) {
        auto rest = static_cast<std::uint64_t>(static_cast<std::make_unsigned_t<Integer>>(integer));
        for (; rest >= 0x80; rest >>= 7) bytes_.push_back(static_cast<char>(rest | 0x80));
        bytes_.push_back(static_cast<char>(rest));
    }

    void value(const std::string& text) {
        value(text.size());
        bytes_ += text;
    }

    template <class Row, class Each>
    void rows(std::vector<Row>& rows, std::size_t /*limit*/, Each&& each) {
        value(rows.size());
        for (Row& row : rows) each(*this, row);
    }

    template <class Value, class Each>
    void optional(std::optional<Value>& optional, Each&& each) {
        value(optional.has_value());
        if (optional) each(*this, *optional);
    }

    std::string take() { return std::move(bytes_); }

private:
    std::string bytes_;
};

// Trusts nothing: what runs out, is too large for its type or has no meaning makes it bad, and then all values are empty.
class ByteReader {
public:
    static constexpr bool is_reader = true;

    explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

    // Everything was there, and nothing more.
    bool is_done() const noexcept { return good_ && rest_.empty(); }

    void value(bool& flag) {
        const unsigned char byte = next_byte();
        if (byte > 1) good_ = false;
        flag = byte == 1;
    }

    template <std::integral Integer>
    void value(Integer& integer) {
        using Unsigned = std::make_unsigned_t<Integer>;
        std::uint64_t number = 0;
        for (unsigned shift = 0;; shift += 7) {
            const std::uint64_t byte = next_byte();
            if (shift == 63 && byte > 1) good_ = false;  // beyond 64 bits
            number |= (byte & 0x7F) << shift;
            if ((byte & 0x80) == 0 || !good_) break;
        }
        if (number > std::numeric_limits<Unsigned>::max()) good_ = false;
        integer = good_ ? static_cast<Integer>(static_cast<Unsigned>(number)) : Integer{};
    }

    void value(std::string& text) {
        std::size_t size = 0;
        value(size);
        if (size > rest_.size()) good_ = false;
        text = good_ ? rest_.substr(0, size) : std::string_view{};
        if (good_) rest_.remove_prefix(size);
    }

    // Grows with what is really there, whatever the count says. More than `limit` rows are bad: a row may take a hundred
    // times the room of its bytes, and those of a recording are compressed besides.
    template <class Row, class Each>
    void rows(std::vector<Row>& rows, std::size_t limit, Each&& each) {
        std::size_t count = 0;
        value(count);
        if (count > limit) good_ = false;
        rows.clear();
        for (std::size_t i = 0; i < count && good_; ++i) each(*this, rows.emplace_back());
        if (!good_) rows.clear();
    }

    template <class Value, class Each>
    void optional(std::optional<Value>& optional, Each&& each) {
        bool has_value = false;
        value(has_value);
        optional.reset();
        if (has_value) each(*this, optional.emplace());
    }

private:
    unsigned char next_byte() {
        if (rest_.empty()) good_ = false;
        if (!good_) return 0;
        const auto byte = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        return byte;
    }

    std::string_view rest_;
    bool good_ = true;
};

}  // namespace trackshm::tools
