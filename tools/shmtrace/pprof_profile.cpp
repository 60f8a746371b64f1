// SPDX-License-Identifier: Apache-2.0
//
// The field numbers are those of profile.proto in github.com/google/pprof.
#include "shmtrace/pprof_profile.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>

#include "common/text.hpp"
#include "shmtrace/protobuf_writer.hpp"

namespace trackshm::tools {
namespace {

namespace profile {
constexpr unsigned sample_type = 1;
constexpr unsigned sample = 2;
constexpr unsigned location = 4;
constexpr unsigned function = 5;
constexpr unsigned string_table = 6;
constexpr unsigned time_nanos = 9;
constexpr unsigned default_sample_type = 14;
}  // namespace profile

class Profile {
public:
    explicit Profile(std::uint64_t time_unix_ns) {
        static_cast<void>(string(""));  // the table's first, by definition
        add_value_type("live_objects", "count");
        add_value_type("live_bytes", "bytes");
        message_.number(profile::time_nanos, time_unix_ns);
        message_.number(profile::default_sample_type, string("live_bytes"));
    }

    // `frames` from the leaf to the root.
    void add_sample(const std::array<std::string, 3>& frames, std::uint64_t objects, std::uint64_t bytes) {
        ProtobufWriter sample;
        std::vector<std::uint64_t> locations;
        for (const std::string& frame : frames) locations.push_back(location(frame));
        sample.packed(1, locations);
        sample.packed(2, {objects, bytes});
        message_.message(profile::sample, sample);
    }

    std::string finish() {
        std::vector<const std::string*> in_order(strings_.size());
        for (const auto& [text, index] : strings_) in_order[index] = &text;
        for (const std::string* text : in_order) message_.text(profile::string_table, *text);
        return message_.bytes();
    }

private:
    std::uint64_t string(const std::string& text) { return strings_.try_emplace(text, strings_.size()).first->second; }

    void add_value_type(const char* type, const char* unit) {
        ProtobufWriter value_type;
        value_type.number(1, string(type));
        value_type.number(2, string(unit));
        message_.message(profile::sample_type, value_type);
    }

    // A location and a function of its own for each name, both with the same id.
    std::uint64_t location(const std::string& name) {
        const auto [position, is_new] = locations_.try_emplace(name, locations_.size() + 1);
        const std::uint64_t id = position->second;
        if (!is_new) return id;
        ProtobufWriter function;
        function.number(1, id);
        function.number(2, string(name));
        function.number(3, string(name));
        message_.message(profile::function, function);
        ProtobufWriter line;
        line.number(1, id);
        ProtobufWriter location;
        location.number(1, id);
        location.message(4, line);
        message_.message(profile::location, location);
        return id;
    }

    ProtobufWriter message_;
    std::map<std::string, std::size_t> strings_;
    std::map<std::string, std::uint64_t> locations_;
};

std::string gzipped(const std::string& bytes) {
    constexpr int gzip_window_bits = 15 + 16;  // zlib's way to ask for gzip's header
    constexpr int memory_level = 8;
    z_stream stream{};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window_bits, memory_level, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        throw std::runtime_error("no memory to compress the profile");
    }
    std::string result(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
    stream.next_in = static_cast<Bytef*>(static_cast<void*>(const_cast<char*>(bytes.data())));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = static_cast<Bytef*>(static_cast<void*>(result.data()));
    stream.avail_out = static_cast<uInt>(result.size());
    const int outcome = deflate(&stream, Z_FINISH);
    result.resize(stream.total_out);
    deflateEnd(&stream);
    if (outcome != Z_STREAM_END) throw std::runtime_error("the profile cannot be compressed");
    return result;
}

std::string device_frame(const stats::Snapshot& snapshot, std::uint32_t id) {
    for (const stats::Device& device : snapshot.devices) {
        if (device.device == id && !device.name.empty()) return fmt::format("device {} {}", id, printable(device.name));
    }
    return fmt::format("device {}", id);
}

}  // namespace

std::string pprof_profile(const stats::Snapshot& snapshot) {
    Profile profile(snapshot.time_unix_ns);
    for (const stats::Process& process : snapshot.processes) {
        const std::string holder = fmt::format("{} ({})", printable(process.comm), process.pid);
        for (const stats::Usage& usage : process.usage) {
            if (usage.live_bytes == 0 && usage.live_buffers == 0) continue;
            profile.add_sample(
                {holder, std::string(stats::type_name(usage.type)), device_frame(snapshot, usage.device)},
                usage.live_buffers, usage.live_bytes);
        }
    }
    return gzipped(profile.finish());
}

}  // namespace trackshm::tools
