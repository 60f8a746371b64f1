// SPDX-License-Identifier: Apache-2.0
#include "support/host_network.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "support/commands.hpp"
#include "support/eventually.hpp"

namespace trackshm::test {

namespace {

void shell(const std::string& script) {
    const CommandResult result = run({"/bin/sh", "-ec", script});
    if (!result.status.exited_with(0)) throw std::runtime_error(script + ": " + result.error_output);
}

std::string network_namespace_of(const std::string& pid) {
    char name[64]{};
    const ssize_t length = readlink(("/proc/" + pid + "/ns/net").c_str(), name, sizeof name - 1);
    return length < 0 ? "" : name;
}

}  // namespace

HostNetwork::HostNetwork() : outer_namespace_(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
    if (unshare(CLONE_NEWNET) != 0) throw std::runtime_error("cannot make a network of my own");
    shell("ip link set lo up");
}

HostNetwork::~HostNetwork() {
    const bool is_back = setns(outer_namespace_, CLONE_NEWNET) == 0;
    static_cast<void>(is_back);
    close(outer_namespace_);
}

bool HostNetwork::is_possible() {
    return run({"unshare", "--net", "ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0"})
        .status.exited_with(0);
}

Arguments HostNetwork::on_host(const Arguments& command) {
    Arguments result{"unshare", "--net", "/bin/sh", "-c", "read -r connected && exec \"$@\"", "host"};
    result.insert(result.end(), command.begin(), command.end());
    return result;
}

void HostNetwork::connect(unsigned host, Child& command) {
    const std::string pid = std::to_string(command.pid());
    const std::string here = network_namespace_of("thread-self");
    if (!eventually([&] { return network_namespace_of(pid) != here; })) throw std::runtime_error("no host of its own");
    const std::string near = "near" + std::to_string(host);
    shell("ip link add " + near + " type veth peer name far netns " + pid +
          "; ip address add " + subnet(host) + ".1/24 dev " + near + "; ip link set " + near + " up"
          "; nsenter --net=/proc/" + pid + "/ns/net -- sh -ec 'ip address add " + address(host) + "/24 dev far; "
          "ip link set far up; ip link set lo up'");
    command.write_line("connected");
}

}  // namespace trackshm::test
