// SPDX-License-Identifier: Apache-2.0
#include "shmtop/batch.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "common/command_line.hpp"
#include "common/exit_code.hpp"
#include "common/metrics.hpp"
#include "common/output.hpp"
#include "common/terminal.hpp"
#include "shmtop/filter.hpp"
#include "shmtop/summary.hpp"
#include "shmtop/view_batch.hpp"
#include "shmtop/view_json.hpp"
#include "shmtop/view_prom.hpp"

namespace trackshm::tools {
namespace {

// Wide enough for whole lines of most frames; a file or a pipe has no edge of its own.
constexpr std::size_t columns_without_terminal = 120;

std::string render(const Options& options, const stats::Snapshot& snapshot, const stats::Details& details,
                   bool is_first) {
    switch (options.view) {
        case View::json: return json_document(snapshot, details, {.history = options.history});
        case View::csv:
            return (is_first && options.csv_header ? options.csv.header() : "") + options.csv.rows(snapshot);
        case View::prom: return prometheus_text(metrics_of(snapshot, details, {.processes = options.all}));
        case View::none: return {};
        case View::live:
        case View::text: break;
    }
    const FrameOptions frame{.columns = output_columns(columns_without_terminal), .all_devices = options.all,
                             .filter = options.filter.text};
    return (is_first ? "" : "\n") + plain_text(make_frame(snapshot, frame));
}

// Puts frames where they belong. A run of known length leaves all its frames in the file, an endless one the last; a
// recording has an end, and is written at once then. Of metrics it is always the last: twice the same one spoils a whole
// exposition. What is no file gets each frame once.
class FrameWriter {
public:
    explicit FrameWriter(const Options& options) : options_(options), output_(options.output_file) {}

    OutputResult write(const stats::Snapshot& snapshot, const stats::Details& details) {
        const bool is_endless = options_.iterations == 0 && options_.replay_file.empty();
        const bool keeps_last_only = output_.is_replaced() && (is_endless || options_.view == View::prom);
        const std::string text = render(options_, snapshot, details, is_first_ || keeps_last_only);
        is_first_ = false;
        if (options_.view == View::none) return OutputResult::ok;
        if (!output_.is_replaced() || keeps_last_only) written_.clear();
        written_ += text;
        is_due_ = output_.is_replaced() && !options_.replay_file.empty();
        return is_due_ ? OutputResult::ok : output_.write(written_);
    }

    // Of the formats that go on where there is nothing to read, metrics alone say so.
    OutputResult write_absence() {
        if (options_.view != View::prom) return OutputResult::ok;
        written_ = prometheus_text({metric_of_no_snapshot()});
        return output_.write(written_);
    }

    // After the last frame.
    OutputResult finish() { return std::exchange(is_due_, false) ? output_.write(written_) : OutputResult::ok; }

private:
    const Options& options_;
    Output output_;
    std::string written_;  // what is to be in a file that is replaced
    bool is_first_ = true;
    bool is_due_ = false;  // what was written so far waits for the end
};

// Nothing if more may be written.
std::optional<int> exit_code_after(OutputResult result, const Options& options) {
    if (result == OutputResult::ok) return std::nullopt;
    return exit_code_of("shmtop", result, options.output_file);
}

// Shows one frame; nothing if the next may follow.
std::optional<int> show_frame(stats::Snapshot& snapshot, stats::Details& details, const Options& options,
                              FrameWriter& writer) {
    apply_filter(options.filter, snapshot);
    apply_filter(options.filter, details);
    const auto failure = check_failure(options, snapshot);
    cut_processes(options.filter, snapshot);
    if (const auto exit_code = exit_code_after(writer.write(snapshot, details), options)) return exit_code;
    if (!failure) return std::nullopt;
    print_error("shmtop", "check failed: " + *failure);
    return exit_check_failed;
}

int show_frames(FrameSource& frames, const Options& options, FrameWriter& writer) {
    stats::Snapshot snapshot;
    stats::Details details;
    stats::Error error;
    bool was_absent = false;
    while (true) {
        std::optional<int> exit_code;
        const FrameResult result = frames.next(snapshot, details, error);
        switch (result) {
            case FrameResult::end: return exit_ok;
            case FrameResult::failed: print_error("shmtop", error.message); return error.exit_code();
            case FrameResult::frame: exit_code = show_frame(snapshot, details, options, writer); break;
            case FrameResult::absent:
                if (!was_absent && !options.record_file.empty()) {
                    print_error("shmtop", error.message + "; the recording goes on when there is one");
                }
                exit_code = exit_code_after(writer.write_absence(), options);
                break;
        }
        if (exit_code) return *exit_code;
        was_absent = result == FrameResult::absent;
    }
}

}  // namespace

std::optional<std::string> check_failure(const Options& options, const stats::Snapshot& snapshot) {
    if (!options.check) return std::nullopt;
    if (std::string stale = standstill_text(snapshot); options.replay_file.empty() && !stale.empty()) return stale;
    return options.check->failure(snapshot);
}

int run_batch(FrameSource& frames, const Options& options) {
    FrameWriter writer(options);
    const int exit_code = show_frames(frames, options, writer);
    const OutputResult finished = writer.finish();
    return finished == OutputResult::failed ? exit_code_of("shmtop", finished, options.output_file) : exit_code;
}

}  // namespace trackshm::tools
