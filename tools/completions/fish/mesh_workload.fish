# SPDX-License-Identifier: Apache-2.0
complete -c mesh_workload -f
complete -c mesh_workload -s h -l help -d 'Print help and exit'
complete -c mesh_workload -s V -l version -d 'Print the version and exit'
complete -c mesh_workload -l step-ms -x -d 'Milliseconds after each step'
complete -c mesh_workload -l rounds -x -d 'How often to do all steps'
