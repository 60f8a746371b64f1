// SPDX-License-Identifier: Apache-2.0
//
// One writer of a ring of two samples of two words, one reader. The writer dies in the middle of a sample and its
// successor goes on past the end of the ring. What the reader gets are whole samples, in a row, and none that are older
// than those it got.
#include <algorithm>
#include <array>
#include <cstddef>

#include "model.hpp"
#include "shm/history_ring.hpp"

namespace trackshm::models {
namespace {

enum class Twin {
    none,
    words_stored_relaxed,
    words_loaded_relaxed,
    end_stored_relaxed,
    end_loaded_relaxed,
    writing_announced_late,
    never_checked,
};

// As much of a vector as is needed: the memory of a real one would be Relacy's to give.
template <class Sample, std::size_t most>
class ShortVector {
public:
    using value_type = Sample;

    Sample* begin() { return samples_.data(); }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    Sample& operator[](std::size_t i) { return samples_[i]; }
    Sample& back() { return samples_[size_ - 1]; }
    void clear() { size_ = 0; }
    void resize(std::size_t size) { size_ = size; }
    void push_back(const Sample& sample) { samples_[size_++] = sample; }
    void erase(Sample* first, Sample* last) {
        std::copy(last, begin() + size_, first);
        size_ -= static_cast<std::size_t>(last - first);
    }

private:
    std::array<Sample, most> samples_{};
    std::size_t size_ = 0;
};

struct HistoryModel : rl::test_suite<HistoryModel, 2> {
    static inline Twin twin;

    using Sample = std::array<std::uint64_t, 2>;
    static constexpr std::uint64_t capacity = 2;
    using Samples = ShortVector<Sample, capacity>;

    shm::BasicHistoryPositions<ModelAtomics> positions;
    std::array<SharedWord<std::uint64_t>, capacity * 2> slots;

    void before() {
        if (twin == Twin::end_stored_relaxed) positions.end.weaken(Weakened::stores);
        if (twin == Twin::end_loaded_relaxed) positions.end.weaken(Weakened::loads);
        for (auto& word : slots) {
            if (twin == Twin::words_stored_relaxed) word.weaken(Weakened::stores);
            if (twin == Twin::words_loaded_relaxed) word.weaken(Weakened::loads);
        }
    }

    void thread(unsigned index) { index == 0 ? write() : read(); }

    void write() {
        append(1);
        append(2);
        // Dies in the third, which takes the place of the first.
        if (twin != Twin::writing_announced_late) positions.writing.store(3, std::memory_order_release);
        const Sample torn{99, 99};
        shm::store_words(slots.data(), torn.data(), sizeof torn / 2);
        append(3);
        append(4);
    }

    void append(std::uint64_t number) {
        const Sample sample{number, number};
        if (twin == Twin::writing_announced_late) {
            const std::uint64_t position = positions.end.load(std::memory_order_relaxed);
            shm::store_words(slots.data() + position % capacity * 2, sample.data(), sizeof sample);
        }
        shm::append_sample(positions, slots.data(), capacity, sample);
    }

    void read() {
        std::uint64_t newest = 0;
        for (int i = 0; i < 2; ++i) {
            Samples samples;
            if (twin == Twin::never_checked) {
                copy_unchecked(samples);
            } else {
                shm::copy_samples(samples, positions, slots.data(), capacity);
            }
            for (std::size_t at = 0; at < samples.size(); ++at) {
                const Sample& sample = samples[at];
                require(sample[0] == sample[1] && sample[0] != 99, "a sample is whole");
                require(at == 0 || sample[0] == samples[at - 1][0] + 1, "and follows the one before");
            }
            if (samples.empty()) continue;
            require(samples.back()[0] >= newest, "and the newest is never older than what there was");
            newest = samples.back()[0];
        }
    }

    void copy_unchecked(Samples& samples) {
        const std::uint64_t end = positions.end.load(std::memory_order_acquire);
        for (std::uint64_t position = end - std::min(end, capacity); position < end; ++position) {
            Sample sample{};
            shm::load_words(sample.data(), slots.data() + position % capacity * 2, sizeof sample);
            samples.push_back(sample);
        }
    }
};

}  // namespace
}  // namespace trackshm::models

int main() {
    using namespace trackshm::models;
    return run_models({
        model<HistoryModel>("a reader gets whole samples in a row, whatever the writer does or leaves undone",
                            {{rl::sched_random, 100'000}, {rl::sched_bound, 100'000, 2}}),
        twin<HistoryModel>(Twin::words_stored_relaxed, "the words are stored relaxed"),
        twin<HistoryModel>(Twin::words_loaded_relaxed, "the words are loaded relaxed"),
        twin<HistoryModel>(Twin::end_stored_relaxed, "the end is stored relaxed"),
        twin<HistoryModel>(Twin::end_loaded_relaxed, "the end is loaded relaxed"),
        twin<HistoryModel>(Twin::writing_announced_late, "the writer says late which sample it writes"),
        twin<HistoryModel>(Twin::never_checked, "the reader does not look which samples were overwritten"),
    });
}
