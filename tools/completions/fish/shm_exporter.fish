# SPDX-License-Identifier: Apache-2.0
complete -c shm_exporter -f
complete -c shm_exporter -s h -l help -d 'Print help and exit'
complete -c shm_exporter -s V -l version -d 'Print the version and exit'
complete -c shm_exporter -l namespace -x -a "(ls /dev/shm | string match -rg '^trackshm\.([^.]+)\.stats\.')" -d 'Instance to read'
complete -c shm_exporter -l listen -x -d 'Address and port to listen on'
complete -c shm_exporter -l per-process -d 'Series per process and memory'
complete -c shm_exporter -l max-processes -x -d 'Only for so many processes'
