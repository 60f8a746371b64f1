// SPDX-License-Identifier: Apache-2.0
//
// shm_exporter from outside: what a scrape gets, what it opens, and a real Prometheus that sums over a fleet.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "support/commands.hpp"
#include "support/eventually.hpp"
#include "support/host_network.hpp"
#include "support/http.hpp"
#include "support/script.hpp"
#include "support/skip.hpp"

#ifdef SHM_EXPORTER_PATH
namespace trackshm::test {

using nlohmann::json;

namespace {

class Exporter {
public:
    explicit Exporter(const Arguments& more) : child_(arguments(more)) {
        const std::string line = child_.read_error_line_with("serving http://127.0.0.1:");
        port_ = static_cast<std::uint16_t>(std::stoul(line.substr(line.rfind(':') + 1)));
    }

    std::uint16_t port() const { return port_; }
    Child& child() { return child_; }
    std::string scrape() const {
        const HttpAnswer answer = http_get(port_, "/metrics");
        if (answer.status != 200) throw std::runtime_error("scrape: " + answer.head);
        return answer.body;
    }

private:
    static Arguments arguments(const Arguments& more) {
        Arguments result{SHM_EXPORTER_PATH, "--listen", "127.0.0.1:0"};
        result.insert(result.end(), more.begin(), more.end());
        return result;
    }

    Child child_;
    std::uint16_t port_ = 0;
};

bool is_installed(const std::string& program) { return run({"/bin/sh", "-c", "command -v " + program}).status.code == 0; }

// Where a process listens, as the kernel's tables name addresses: 127.0.0.1 is 0100007F.
std::vector<std::string> listening_addresses(pid_t pid) {
    const std::filesystem::path process = "/proc/" + std::to_string(pid);
    std::set<std::string> descriptors;
    for (const auto& entry : std::filesystem::directory_iterator(process / "fd")) {
        std::error_code gone;
        descriptors.insert(std::filesystem::read_symlink(entry, gone).string());
    }
    constexpr std::size_t local_address = 1;
    constexpr std::size_t state = 3;
    constexpr std::size_t inode = 9;
    std::vector<std::string> result;
    for (const char* table : {"tcp", "tcp6", "udp", "udp6"}) {
        std::ifstream lines(process / "net" / table);
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words(line);
            const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
            if (fields.size() <= inode || !descriptors.contains("socket:[" + fields[inode] + "]")) continue;
            const bool is_connection = table[0] == 't' && fields[state] != "0A";
            if (!is_connection) result.push_back(fields[local_address].substr(0, fields[local_address].find(':')));
        }
    }
    return result;
}

// The series of one namespace without its label, as shmtop prints them.
std::map<std::string, double> without_namespace(const std::map<std::string, double>& samples, const Namespace& of) {
    const std::string label = "namespace=\"" + of.name() + "\"";
    std::map<std::string, double> result;
    for (const auto& [full_series, value] : samples) {
        std::string series = full_series;
        const std::size_t at = series.find(label);
        if (at == std::string::npos || series.starts_with("trackshm_aggregator_info")) continue;
        series.erase(at, label.size() + (series[at + label.size()] == ',' ? 1 : 0));
        if (series.ends_with("{}")) series.resize(series.size() - 2);
        result.emplace(series, value);
    }
    return result;
}

// A directory of one test, and what it takes for a Prometheus to run there.
class Prometheus {
public:
    explicit Prometheus(const std::string& scrape_configuration)
        : directory_(make_directory()), port_(free_port()) {
        std::ofstream(directory_ / "prometheus.yml") << scrape_configuration;
        child_ = std::make_unique<Child>(Arguments{
            "prometheus", "--config.file=" + (directory_ / "prometheus.yml").string(),
            "--storage.tsdb.path=" + (directory_ / "data").string(),
            "--web.listen-address=127.0.0.1:" + std::to_string(port_)});
    }
    ~Prometheus() {
        child_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    Prometheus(const Prometheus&) = delete;
    Prometheus& operator=(const Prometheus&) = delete;

    // Value by the label `host`, which is empty for a sum over all. Empty while it does not answer yet.
    std::map<std::string, double> query(const std::string& expression) const {
        std::map<std::string, double> result;
        try {
            const HttpAnswer answer = http_get(port_, "/api/v1/query?query=" + percent_encoded(expression));
            const json document = json::parse(answer.body);
            for (const json& row : document.at("data").at("result")) {
                result[row.at("metric").value("host", "")] = std::stod(row.at("value").at(1).get<std::string>());
            }
        } catch (const std::exception&) {  // it is just starting
        }
        return result;
    }
    std::string output() const { return child_->error_output(); }

private:
    static std::filesystem::path make_directory() {
        std::string name = (std::filesystem::temp_directory_path() / "trackshm-fleet-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        return name;
    }

    std::filesystem::path directory_;
    std::uint16_t port_;
    std::unique_ptr<Child> child_;
};

// One machine of a fleet: its own namespace, aggregator, tracked program and exporter.
// A machine of a fleet, with a network of its own where that is possible, else with a port of this one's.
struct Host {
    Host(unsigned number, bool has_own_network) : name("host" + std::to_string(number)) {
        const Arguments exporter_command{SHM_EXPORTER_PATH, "--namespace", name_space.name(), "--listen",
                                         (has_own_network ? HostNetwork::address(number) : "127.0.0.1") + ":0"};
        exporter.emplace(has_own_network ? HostNetwork::on_host(exporter_command) : exporter_command);
        if (has_own_network) HostNetwork::connect(number, *exporter);
        for (unsigned id = 0; id <= number; ++id) {
            program("alloc " + std::to_string(id % 2) + " " + std::to_string(1000 * (number + 1) + id) + " 0 " +
                    std::to_string(id));
        }
        program("alloc 1 77 1 1");
        program("free_of 1 1 1");
        program.sync();
    }

    // As the exporter tells it: address and port.
    std::string target() {
        const std::string prefix = "serving http://";
        const std::string line = exporter->read_error_line_with(prefix);
        const std::size_t begin = line.find(prefix) + prefix.size();
        return line.substr(begin, line.find('/', begin) - begin);
    }

    std::string name;
    Namespace name_space;
    Aggregator aggregator{name_space};
    Script program{name_space};
    std::optional<Child> exporter;
};

std::string scrape_configuration(const std::vector<std::unique_ptr<Host>>& hosts) {
    std::string text =
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        "scrape_configs:\n"
        "- job_name: trackshm\n"
        "  static_configs:\n";
    for (const auto& host : hosts) {
        text += "  - {targets: ['" + host->target() + "'], labels: {host: " + host->name + "}}\n";
    }
    return text;
}

double sum_over_devices(const json& snapshot, const char* field) {
    double sum = 0;
    for (const json& device : snapshot.at("devices")) sum += device.at(field).get<double>();
    return sum;
}

}  // namespace

TEST_CASE("a scrape says what shmtop says") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("alloc 0 1000 0 1");
    program("alloc 3 500 1 2");
    program("free 2");
    program.sync();
    const Exporter exporter({"--namespace", name_space.name()});
    auto samples = samples_of(exporter.scrape());
    const auto has_sizes = [&] {  // they are published after the figures
        samples = samples_of(exporter.scrape());
        return std::any_of(samples.begin(), samples.end(), [](const auto& sample) {
            return sample.first.starts_with("trackshm_allocation_size_bytes_bucket");
        });
    };
    REQUIRE(eventually(has_sizes));
    for (const auto& [series, value] : samples) CHECK(series.starts_with("trackshm_"));
    const auto own = without_namespace(samples, name_space);
    CHECK(own.at("trackshm_up") == 1);
    CHECK(own.at("trackshm_live_bytes{device=\"0\",buffer_type=\"DRAM\"}") == 1000);
    CHECK(own.at("trackshm_live_bytes{device=\"3\",buffer_type=\"L1\"}") == 0);
    CHECK(own.at("trackshm_deallocated_bytes_total{device=\"3\",buffer_type=\"L1\"}") == 500);
    CHECK(own.at("trackshm_peak_bytes{device=\"3\",buffer_type=\"L1\"}") == 500);
    CHECK(own.at("trackshm_device_recent_peak_bytes{device=\"0\",window=\"60s\"}") == 1000);
    CHECK(own.count("trackshm_process_exact") == 0);

    const CommandResult printed = shmtop(name_space, {"--format", "prom"});
    REQUIRE(printed.status.exited_with(0));
    for (const auto& [series, value] : samples_of(printed.output)) {
        INFO(series);
        if (series.starts_with("trackshm_aggregator_info")) continue;
        CHECK(own.count(series) == 1);
        if (series.find("_age_") == std::string::npos && series.find("publications") == std::string::npos &&
            series.find("allocation_size") == std::string::npos &&
            own.count(series) == 1) {
            CHECK(own.at(series) == value);
        }
    }
}

TEST_CASE("a scrape has the sizes of buffers") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    for (const char* size : {"100", "1000", "1024", "1025"}) program(std::string("alloc 0 ") + size + " 0 " + size);
    program.sync();
    const Exporter exporter({"--namespace", name_space.name()});
    std::map<std::string, double> own;
    const auto bucket = [&](const char* le) {
        const std::string series = "trackshm_allocation_size_bytes_bucket{device=\"0\",buffer_type=\"DRAM\",le=\"";
        const auto found = own.find(series + le + "\"}");
        return found == own.end() ? -1 : found->second;
    };
    // Details are published on their own, a tenth of a second later at most.
    CHECK(eventually([&] {
        own = without_namespace(samples_of(exporter.scrape()), name_space);
        return bucket("4096") == 4;
    }));
    CHECK(bucket("256") == 1);
    CHECK(bucket("1024") == 3);
    CHECK(bucket("+Inf") == 4);
    CHECK(own.at("trackshm_allocation_size_bytes_sum{device=\"0\",buffer_type=\"DRAM\"}") == 3149);
}

TEST_CASE("a scrape without an aggregator says so, and finds the next one") {
    const Namespace name_space;
    const Exporter exporter({"--namespace", name_space.name()});
    const std::string up = "trackshm_up{namespace=\"" + name_space.name() + "\"}";
    CHECK(samples_of(exporter.scrape()).at(up) == 0);
    CHECK(samples_of(exporter.scrape()).size() == 2);  // that, and the build
    Script program(name_space);
    program("alloc 0 1000 0 1");
    for (const int signal : {SIGKILL, SIGTERM}) {
        Aggregator aggregator(name_space);
        program.sync();
        const auto samples = without_namespace(samples_of(exporter.scrape()), name_space);
        CHECK(samples.at("trackshm_up") == 1);
        CHECK(samples.at("trackshm_live_bytes{device=\"0\",buffer_type=\"DRAM\"}") == 1000);
        aggregator.child().signal(signal);
        aggregator.child().wait();
        CHECK(samples_of(exporter.scrape()).at(up) == 0);
        CHECK(samples_of(exporter.scrape()).size() == 2);
    }
}

TEST_CASE("scrapes at once, while the aggregator comes and goes, have all figures or none") {
    const Namespace name_space;
    Script program(name_space);
    program("alloc 0 1000 0 1");
    const Exporter exporter({"--namespace", name_space.name()});
    std::atomic<bool> stop{false};
    std::atomic<unsigned> whole{0};
    std::atomic<unsigned> torn{0};
    const auto scrape_on = [&] {
        while (!stop) {
            const auto samples = without_namespace(samples_of(exporter.scrape()), name_space);
            const auto live = samples.find("trackshm_live_bytes{device=\"0\",buffer_type=\"DRAM\"}");
            const bool is_up = samples.at("trackshm_up") == 1;
            const bool has_figures = live != samples.end() && live->second == 1000;
            // The first aggregator shows no device until it has found the process.
            const bool is_whole = is_up ? has_figures || live == samples.end() : samples.size() == 1;
            ++(is_whole ? whole : torn);
        }
    };
    std::vector<std::thread> scrapers;
    for (int i = 0; i < 6; ++i) scrapers.emplace_back(scrape_on);
    for (int i = 0; i < 5; ++i) {
        Aggregator aggregator(name_space);
        program.sync();
        const unsigned seen = whole;
        eventually([&] { return whole >= seen + 20; });
        aggregator.child().kill();
    }
    stop = true;
    for (std::thread& scraper : scrapers) scraper.join();
    CHECK(torn == 0);
    CHECK(whole >= 100);
}

TEST_CASE("several namespaces are served together, each under its label") {
    const Namespace one;
    const Namespace other;
    Aggregator aggregator_of_one(one);
    Aggregator aggregator_of_other(other);
    Script program_of_one(one);
    program_of_one("alloc 0 11 0 1");
    program_of_one.sync();
    Script program_of_other(other);
    program_of_other("alloc 0 22 0 1");
    program_of_other.sync();
    const Exporter exporter({"--namespace", one.name(), "--namespace", other.name(), "--namespace", one.name()});
    const std::string text = exporter.scrape();
    const auto samples = samples_of(text);
    const std::string rest = ",device=\"0\",buffer_type=\"DRAM\"}";
    CHECK(samples.at("trackshm_live_bytes{namespace=\"" + one.name() + "\"" + rest) == 11);
    CHECK(samples.at("trackshm_live_bytes{namespace=\"" + other.name() + "\"" + rest) == 22);
    const std::string type_line = "# TYPE trackshm_live_bytes gauge\n";
    CHECK(text.find(type_line) != std::string::npos);
    CHECK(text.find(type_line) == text.rfind(type_line));
}

TEST_CASE("series of processes are made when asked for, and no more than asked for") {
    const Namespace name_space;
    Aggregator aggregator(name_space);
    std::vector<std::unique_ptr<Script>> programs;
    for (int i = 1; i <= 4; ++i) {
        programs.push_back(std::make_unique<Script>(name_space));
        (*programs.back())("alloc 0 " + std::to_string(100 * i) + " 0 1");
        programs.back()->sync();
    }
    const Exporter exporter({"--namespace", name_space.name(), "--per-process", "--max-processes", "2"});
    const auto samples = without_namespace(samples_of(exporter.scrape()), name_space);
    std::map<std::string, double> live;
    for (const auto& [series, value] : samples) {
        if (series.starts_with("trackshm_process_live_bytes{")) live[series] = value;
    }
    const auto series_of = [](const std::string& pid, const std::string& comm) {
        return "trackshm_process_live_bytes{pid=\"" + pid + "\",comm=\"" + comm + "\",device=\"0\",buffer_type=\"DRAM\"}";
    };
    const std::string& comm = programs[3]->comm();
    CHECK(live == std::map<std::string, double>{{series_of(std::to_string(programs[3]->pid()), comm), 400},
                                                {series_of(std::to_string(programs[2]->pid()), comm), 300},
                                                {series_of("0", "(others)"), 300}});
}

TEST_CASE("nothing but the metrics is served, and only on loopback") {
    const Namespace name_space;
    Exporter exporter({"--namespace", name_space.name()});
    CHECK(http_get(exporter.port(), "/").status == 200);
    for (const char* path : {"/metrics/", "/metrics/x", "/etc/passwd", "/../etc/passwd", "/favicon.ico"}) {
        INFO(path);
        CHECK(http_get(exporter.port(), path).status != 200);
    }
    CHECK(listening_addresses(exporter.child().pid()) == std::vector<std::string>{"0100007F"});
    exporter.child().signal(SIGTERM);
    CHECK(exporter.child().wait().exited_with(0));
}

TEST_CASE("an address that cannot be listened on is told in one line") {
    const Namespace name_space;
    const Exporter exporter({"--namespace", name_space.name()});
    const auto refused = [](const std::string& listen) {
        CommandResult result = run({SHM_EXPORTER_PATH, "--listen", listen});
        CHECK(std::count(result.error_output.begin(), result.error_output.end(), '\n') == 1);
        return result.status;
    };
    CHECK(refused("127.0.0.1:" + std::to_string(exporter.port())).exited_with(1));
    CHECK(refused("192.0.2.1:9477").exited_with(1));
    CHECK(refused("[2001:db8::1]:9477").exited_with(1));  // nobody's address, and perhaps no IPv6 at all
    CHECK(refused("everywhere").exited_with(2));
    CHECK(run({SHM_EXPORTER_PATH, "--max-processes", "3"}).status.exited_with(2));
}

TEST_CASE("promtool finds nothing to object to in a scrape") {
    if (!is_installed("promtool")) SKIP_TEST("promtool is not installed (Debian package prometheus)");
    const Namespace name_space;
    Aggregator aggregator(name_space);
    Script program(name_space);
    program("name 0 a\"b\\c");
    program("memory 0 0 5000");
    program("alloc 0 1000 0 1");
    program.sync();
    const Exporter exporter({"--namespace", name_space.name(), "--per-process"});
    Child promtool({"promtool", "check", "metrics"});
    promtool.write_line(exporter.scrape());
    promtool.close_input();
    const ExitStatus status = promtool.wait();
    INFO(promtool.output() << promtool.error_output());
    CHECK(status.exited_with(0));
    CHECK(promtool.output() + promtool.error_output() == "");
}

TEST_CASE("a Prometheus that scrapes three hosts sums to what their snapshots sum to") {
    if (!is_installed("prometheus")) SKIP_TEST("prometheus is not installed (Debian package prometheus)");
    std::optional<HostNetwork> network;
    if (HostNetwork::is_possible()) network.emplace();
    std::vector<std::unique_ptr<Host>> hosts;
    for (unsigned i = 0; i < 3; ++i) hosts.push_back(std::make_unique<Host>(i, network.has_value()));
    const Prometheus prometheus(scrape_configuration(hosts));

    const std::map<std::string, const char*> fields{{"trackshm_live_bytes", "live_bytes"},
                                                    {"trackshm_live_buffers", "live_buffers"},
                                                    {"trackshm_allocated_bytes_total", "allocated_bytes_total"},
                                                    {"trackshm_deallocations_total", "deallocations_total"}};
    for (const auto& [metric, field] : fields) {
        INFO(metric);
        std::map<std::string, double> by_host;
        double total = 0;
        for (const auto& host : hosts) {
            by_host[host->name] = sum_over_devices(shmtop_json(host->name_space), field);
            total += by_host[host->name];
        }
        REQUIRE(total > 0);
        const bool agrees = eventually([&] { return prometheus.query("sum by (host) (" + metric + ")") == by_host; });
        INFO(prometheus.output());
        CHECK(agrees);
        CHECK(eventually([&] {
            return prometheus.query("sum(" + metric + ")") == std::map<std::string, double>{{"", total}};
        }));
    }
    CHECK(eventually([&] {
        return prometheus.query("count(trackshm_up == 1)") == std::map<std::string, double>{{"", 3}};
    }));

    hosts[1]->aggregator.terminate();
    CHECK(eventually([&] {
        return prometheus.query("trackshm_up == 0") == std::map<std::string, double>{{"host1", 0}};
    }));
}

}  // namespace trackshm::test
#endif
