// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: a file of arbitrary bytes under the name of a process segment, for an aggregator to find.
//
//   input: flags, file size, then the file's bytes. Flag 1: the identity is put right, so that what is behind the first
//   checks is reached; 2: a process holds the liveness lock; 4: a FIFO instead; 8: the bytes change meanwhile.
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "fuzz/input.hpp"
#include "fuzz/served.hpp"
#include "shm/names.hpp"
#include "shm/process_abi.hpp"
#include "shm/record_lock.hpp"

using namespace trackshm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const auto flags = input.take<std::uint8_t>();
    const std::size_t bytes = 1 + input.take<std::uint32_t>() % (2 * shm::process_segment_bytes(64));
    const std::string name = shm::process_segment_name(fuzz::name_space(), fuzz::fuzzed_pid, fuzz::fuzzed_nonce);
    if ((flags & 4) != 0) {
        mkfifo(shm::path_of(name).c_str(), 0600);
        fuzz::serve();
    } else {
        fuzz::ShmFile file(bytes);
        input.copy_to(file.data(), bytes);
        if ((flags & 1) != 0 && bytes >= shm::slots_offset) fuzz::fill_header(file);
        if ((flags & 2) != 0) file.lock(shm::liveness_byte);
        file.publish_as(name);
        std::optional<fuzz::Mutator> mutator;
        if ((flags & 8) != 0) mutator.emplace(file, 0, std::min<std::size_t>(bytes, shm::slots_offset), size);
        fuzz::serve();
    }
    fuzz::serve_the_end();  // whose end the aggregator was not told of, it is now
    unlink(shm::path_of(name).c_str());
    return 0;
}
