// SPDX-License-Identifier: Apache-2.0
//
// What the words two sides share are made of. Everything that decides the order of events is a template over this, so
// that the models (tests/models) run the very code the product runs, on words that explore what the memory model allows.
#pragma once

#include <atomic>

namespace trackshm::shm {

struct StdAtomics {
    // A word by which two sides synchronise, or may access at once.
    template <class T>
    using Shared = std::atomic<T>;
    // A word that other words order: an honest peer never accesses it at the same time. Atomic all the same, so that a
    // concurrent scribbler is not undefined behaviour. The models report every access that is not ordered.
    template <class T>
    using Ordered = std::atomic<T>;
};

}  // namespace trackshm::shm
