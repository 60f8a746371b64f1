# SPDX-License-Identifier: Apache-2.0
complete -c shmtrace -s h -l help -d 'Print help and exit'
complete -c shmtrace -s V -l version -d 'Print the version and exit'
complete -c shmtrace -l live -d 'What happens from now on'
complete -c shmtrace -l seconds -x -d 'For how long'
complete -c shmtrace -s r -l refresh -x -d 'Milliseconds between frames'
complete -c shmtrace -l format -x -a 'chrome pprof' -d 'What to write'
complete -c shmtrace -s o -l output -r -F -d 'Write there'
complete -c shmtrace -l namespace -x -a "(ls /dev/shm | string match -rg '^trackshm\.([^.]+)\.stats\.')" -d 'Instance to look at'
