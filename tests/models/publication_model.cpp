// SPDX-License-Identifier: Apache-2.0
//
// One writer of blocks of two words, one reader. The writer publishes, dies in the middle of the next publication, and
// its successor goes on twice. What the reader gets is always of one publication, and never older than what it got.
#include <array>

#include "model.hpp"
#include "shm/publication.hpp"

namespace trackshm::models {
namespace {

enum class Twin {
    none,
    words_stored_relaxed,
    words_loaded_relaxed,
    generation_stored_relaxed,
    generation_loaded_relaxed,
    writing_announced_late,
    never_checked,
};

struct PublicationModel : rl::test_suite<PublicationModel, 2> {
    static inline Twin twin;

    using Block = std::array<std::uint64_t, 2>;
    using Publication = shm::BasicPublication<ModelAtomics>;

    SharedWord<std::uint64_t> generation;
    SharedWord<std::uint64_t> writing;
    std::array<std::array<SharedWord<std::uint64_t>, 2>, 2> blocks;

    void before() {
        if (twin == Twin::generation_stored_relaxed) generation.weaken(Weakened::stores);
        if (twin == Twin::generation_loaded_relaxed) generation.weaken(Weakened::loads);
        for (auto& block : blocks) {
            for (auto& word : block) {
                if (twin == Twin::words_stored_relaxed) word.weaken(Weakened::stores);
                if (twin == Twin::words_loaded_relaxed) word.weaken(Weakened::loads);
            }
        }
    }

    void thread(unsigned index) { index == 0 ? write() : read(); }

    void write() {
        publish(1);
        Publication dying(generation, writing);
        const Block torn{99, 99};
        store(dying, torn.data(), sizeof torn / 2);
        publish(2);
        publish(3);
    }

    void publish(std::uint64_t value) {
        Publication publication(generation, writing);
        const Block block{value, value};
        store(publication, block.data(), sizeof block);
        publication.end();
    }

    void store(Publication& publication, const std::uint64_t* words, std::size_t bytes) {
        if (twin == Twin::writing_announced_late) {
            const std::uint64_t next = generation.load(std::memory_order_relaxed) + 1;
            shm::store_words(blocks[next & 1].data(), words, bytes);
        }
        shm::store_words(blocks[publication.begin()].data(), words, bytes);
    }

    void read() {
        std::uint64_t newest = 0;
        for (int i = 0; i < 2; ++i) {
            Block copy{};
            const auto copy_block = [&](std::size_t index) {
                shm::load_words(copy.data(), blocks[index].data(), sizeof copy);
            };
            if (twin == Twin::never_checked) {
                copy_block(generation.load(std::memory_order_acquire) & 1);
            } else if (!shm::read_published(generation, writing, 2, copy_block)) {
                continue;
            }
            require(copy[0] == copy[1], "what a reader gets is of one publication");
            require(copy[0] >= newest && copy[0] != 99, "and never older than what it got, nor half a one");
            newest = copy[0];
        }
    }
};

}  // namespace
}  // namespace trackshm::models

int main() {
    using namespace trackshm::models;
    return run_models({
        model<PublicationModel>("a reader gets one whole publication, whatever the writer does or leaves undone",
                                {{rl::sched_random, 100'000}, {rl::sched_bound, 100'000, 2}}),
        twin<PublicationModel>(Twin::words_stored_relaxed, "the words are stored relaxed"),
        twin<PublicationModel>(Twin::words_loaded_relaxed, "the words are loaded relaxed"),
        twin<PublicationModel>(Twin::generation_stored_relaxed, "the generation is stored relaxed"),
        twin<PublicationModel>(Twin::generation_loaded_relaxed, "the generation is loaded relaxed"),
        twin<PublicationModel>(Twin::writing_announced_late, "the writer says late which block it writes"),
        twin<PublicationModel>(Twin::never_checked, "the reader does not look whether its block was rewritten"),
    });
}
