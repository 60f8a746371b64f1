// SPDX-License-Identifier: Apache-2.0
//
// A fuzzer's input as a source of values. Past its end everything is zero.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace trackshm::fuzz {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) noexcept : at_(data), end_(data + size) {}

    bool is_empty() const noexcept { return at_ == end_; }

    template <class T>
    T take() noexcept {
        T value{};
        copy_to(&value, sizeof value);
        return value;
    }

    void copy_to(void* target, std::size_t bytes) noexcept {
        const std::size_t available = std::min(bytes, static_cast<std::size_t>(end_ - at_));
        if (available != 0) std::memcpy(target, at_, available);
        at_ += available;
    }

    // Overwrites a piece of [target, target + bytes): where and how much says the input.
    void patch(std::byte* target, std::size_t bytes) noexcept {
        const std::size_t offset = take<std::uint32_t>() % bytes;
        const std::size_t length = 1 + take<std::uint8_t>() % 64;
        copy_to(target + offset, std::min(length, bytes - offset));
    }

private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

}  // namespace trackshm::fuzz
