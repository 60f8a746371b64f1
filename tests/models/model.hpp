// SPDX-License-Identifier: Apache-2.0
//
// What the models are made of. A model is a program of two or three threads over the very templates the product uses
// (lane.hpp, lane_claim.hpp, gate.hpp, drain_order.hpp, estate.hpp, publication.hpp, history_ring.hpp, and the
// aggregator's lane_merge.hpp), on words that Relacy Race Detector provides: it runs the threads interleaved in every way
// it finds, lets loads return what the C++ memory model allows, old values included, and reports accesses to Ordered
// words that nothing orders.
//
// Each model has *twins*: the same program with one order weakened or one step moved. A twin must fail; otherwise the
// model proves nothing. Relacy executes each thread's operations in program order, so of reorderings it shows those
// that stale loads and races can show.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <source_location>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

// Relacy as a library: without the macros by which it replaces words of the language.
#pragma push_macro("errno")
#include <relacy/relacy.hpp>
#pragma pop_macro("errno")
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef $

#include "run_models.hpp"

namespace trackshm::models {

inline rl::debug_info info_of(const std::source_location& at) {
    return {at.function_name(), at.file_name(), at.line()};
}

inline void require(bool holds, const char* what, std::source_location at = std::source_location::current()) {
    if (!holds) rl::ctx().fail_test(what, rl::test_result_user_assert_failed, info_of(at));
}

inline void yield(std::source_location at = std::source_location::current()) { rl::yield(1, info_of(at)); }

// Which accesses to a word a twin makes relaxed.
enum class Weakened : unsigned { nothing = 0, loads = 1, stores = 2, updates = 4 };

template <class T>
class SharedWord {
    template <class U, bool is_enum>
    struct RawOf {
        using type = U;
    };
    template <class U>
    struct RawOf<U, true> {
        using type = std::underlying_type_t<U>;
    };
    using Raw = typename RawOf<T, std::is_enum_v<T>>::type;
    using At = std::source_location;

public:
    SharedWord() : SharedWord(T{}) {}
    SharedWord(T value) : word_(static_cast<Raw>(value)) {}

    void weaken(Weakened accesses) { weakened_ = accesses; }

    T load(std::memory_order order, At at = At::current()) const {
        return static_cast<T>(word_.load(order_of(Weakened::loads, order), info_of(at)));
    }
    void store(T value, std::memory_order order, At at = At::current()) {
        word_.store(static_cast<Raw>(value), order_of(Weakened::stores, order), info_of(at));
    }
    T fetch_add(Raw value, std::memory_order order, At at = At::current()) {
        return word_.rmw(rl::rmw_type_t<rl::rmw_type_add>(), value, order_of(Weakened::updates, order), info_of(at));
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order order, At at = At::current()) {
        return exchange<false>(expected, value, order, at);
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order order, At at = At::current()) {
        return exchange<true>(expected, value, order, at);
    }

private:
    rl::memory_order order_of(Weakened access, std::memory_order order) const {
        if (weakened_ == access) return rl::mo_relaxed;
        switch (order) {
            case std::memory_order_relaxed:
                return rl::mo_relaxed;
            case std::memory_order_consume:
                return rl::mo_consume;
            case std::memory_order_acquire:
                return rl::mo_acquire;
            case std::memory_order_release:
                return rl::mo_release;
            case std::memory_order_acq_rel:
                return rl::mo_acq_rel;
            default:
                return rl::mo_seq_cst;
        }
    }
    template <bool spurious>
    bool exchange(T& expected, T value, std::memory_order order, const At& at) {
        Raw raw = static_cast<Raw>(expected);
        const bool exchanged = word_.compare_exchange(rl::bool_t<spurious>(), raw, static_cast<Raw>(value),
                                                      order_of(Weakened::updates, order), info_of(at));
        expected = static_cast<T>(raw);
        return exchanged;
    }

    rl::atomic<Raw> word_;
    Weakened weakened_ = Weakened::nothing;
};

// A word that no two threads may access without order, unless both read. Relacy reports a race if they do.
template <class T>
class OrderedWord {
    using At = std::source_location;

public:
    T load(std::memory_order, At at = At::current()) const { return word_(info_of(at)).load(); }
    void store(T value, std::memory_order, At at = At::current()) { word_(info_of(at)).store(value); }

private:
    mutable rl::var<T> word_;
};

struct ModelAtomics {
    template <class T>
    using Shared = SharedWord<T>;
    template <class T>
    using Ordered = OrderedWord<T>;
};

// Plain data of a model's program.
template <class T>
class Plain {
    using At = std::source_location;

public:
    Plain() { set(T{}); }
    T get(At at = At::current()) const { return word_(info_of(at)).load(); }
    void set(T value, At at = At::current()) { word_(info_of(at)).store(value); }

private:
    mutable rl::var<T> word_;
};

class Mutex {
    using At = std::source_location;

public:
    void lock(At at = At::current()) { mutex_.lock(info_of(at)); }
    void unlock(At at = At::current()) { mutex_.unlock(info_of(at)); }

private:
    rl::mutex mutex_;
};

struct Search {
    rl::scheduler_type_e type = rl::sched_random;
    unsigned iterations = 20'000;
    unsigned context_bound = 2;
};

template <class Model>
Outcome run(const Search& search) {
    rl::ostringstream out;  // its memory is not taken for the model's
    rl::test_params parameters;
    parameters.search_type = search.type;
    parameters.iteration_count = search.iterations;
    parameters.context_bound = search.context_bound;
    parameters.execution_depth_limit = 10'000;
    parameters.output_stream = &out;
    parameters.progress_stream = &out;
    rl::simulate<Model>(parameters);
    return {parameters.test_result == rl::test_result_success, parameters.stop_iteration, out.str().c_str()};
}

template <class Model>
Case model(std::string name, std::vector<Search> searches) {
    return {std::move(name), true, [searches = std::move(searches)] {
                Model::twin = {};
                Outcome all{true, 0, {}};
                for (const Search& search : searches) {
                    const Outcome outcome = run<Model>(search);
                    all = {outcome.held, all.runs + outcome.runs, outcome.history};
                    if (!all.held) break;
                }
                return all;
            }};
}

template <class Model>
Case twin(decltype(Model::twin) twin, std::string name) {
    return {std::move(name), false, [twin] {
                Model::twin = twin;
                return run<Model>({rl::sched_random, 100'000});
            }};
}

}  // namespace trackshm::models
