// SPDX-License-Identifier: Apache-2.0
#include "shmtop/screen/help.hpp"

namespace trackshm::tools {

const std::vector<std::string_view>& help_lines() {
    static const std::vector<std::string_view> lines = {
        "Tab 1..5     next view; Devices, Processes, Buffers, Exited, Sizes",
        "arrows j k   choose a row; PgUp PgDn Home End: by pages, to either end",
        "Enter        more about the chosen row, Esc: no more; left right: scroll it",
        "/ F3         search: goes to the next row with the text; n: to the one after",
        "\\ F4         filter: only rows with the text",
        "< > F6       sort by another column; I: the other way round",
        "t F5         processes as a tree",
        "g            graph: off, or a column of it is 1 s, 10 s or 60 s",
        "m            another set of columns",
        "e            sizes in bytes, KiB, MiB, GiB or what suits each",
        "a            devices that never held anything, too",
        "p Space      pause, and go on",
        "+ -          refresh more often, less often",
        "[ ]          in a recording: 10 s back, on; { }: half, twice as fast",
        "F2           options, and keeping them; h ? F1: this; q F10 Esc: quit",
        "",
        "A bar shows how much of a memory is used; its mark is where the peak was.",
        "A graph is as high as the highest it shows, which its title calls top.",
        "Colours: yellow from 75 % and red from 90 % on, or as the options have it.",
        "NOT EXACT: events were lost or rejected. Processes concerned are marked with ~,",
        "with Q if their segment is corrupt, with W if they wait for room in /dev/shm.",
        "> at a peak: it was at least that.",
    };
    return lines;
}

}  // namespace trackshm::tools
