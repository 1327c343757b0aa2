#!/usr/bin/env bash
# A private Slurm for tests: controller, authentication and three nodes of four cores, all on this machine, below one
# folder and on the loopback interface alone. Needs root (a node becomes the user of its jobs).
#
#   cluster.sh start DIR [PID]   starts what does not run (installs Debian's packages first where FLOW_INSTALL_SLURM is set);
#                                stops all of it when the process PID has ended
#   cluster.sh stop DIR          stops it, with all jobs
#   cluster.sh controller DIR    ends the controller alone; `start` brings it back
#   cluster.sh cut DIR NODE      the node is not heard of any more, and its jobs go on
#   cluster.sh fail DIR NODE     the node is gone with all that ran on it, and the controller is told
#
# `start` prints SLURM_CONF's value. Exit code 3: it cannot be had here, and why is on standard error.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
what=$1
mkdir -p "$2"
dir=$(readlink -f "$2")
conf=$dir/slurm.conf
export SLURM_CONF=$conf

missing() { echo "$1" >&2; exit 3; }

install_packages() {
    command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null && return
    [ -n "${FLOW_INSTALL_SLURM:-}" ] || missing "there is no Slurm here (FLOW_INSTALL_SLURM=1 installs Debian's)"
    command -v apt-get >/dev/null || missing "there is no Slurm here, and no apt-get to install it"
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get -q update >"$dir/install.log" 2>&1 || true
    apt-get -q install -y --no-install-recommends munge slurmctld slurmd slurm-client >>"$dir/install.log" 2>&1 ||
        missing "Slurm cannot be installed: $(tail -n 1 "$dir/install.log")"
}

configure() {
    [ -e "$conf" ] && return
    local host port
    host=$(hostname -s)
    port=$((20000 + $(echo "$dir" | cksum | cut -d' ' -f1) % 20000))
    mkdir -p "$dir/state" "$dir/spool"
    (umask 077 && dd if=/dev/urandom of="$dir/key" bs=128 count=1 status=none)
    cat >"$conf" <<END
ClusterName=flow
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=100
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=2
SlurmdParameters=config_overrides
SlurmdTimeout=5
KillWait=2
WaitTime=0
CompleteWait=0
InactiveLimit=0
MaxJobCount=20000
MaxArraySize=10001
ReturnToService=2
AccountingStorageType=accounting_storage/none
END
    for node in 1 2 3; do
        echo "NodeName=node$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + node)) CPUs=4 RealMemory=4000"
    done >>"$conf"
    echo "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP" >>"$conf"
    echo "PartitionName=short Nodes=ALL MaxTime=10 State=UP" >>"$conf"
    printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$dir/cgroup.conf"
}

# Whether the process of a file runs, and is ours.
runs() { # FILE NAME
    local pid
    pid=$(cat "$1" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] && grep -q . "/proc/$pid/cmdline"
}

wait_for() { # SECONDS COMMAND...
    local end=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        sleep 0.05
    done
}

is_up() { [ "$(sinfo -h -N -p main -o %T | grep -cE '^(idle|mixed|allocated|completing)$')" = 3 ]; }

# All processes below one, itself last.
tree() {
    local child
    for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do tree "$child"; done
    echo "$1"
}

# Ends what runs jobs on a node, and the jobs.
end_jobs() { # NODE
    local proc
    for proc in /proc/[0-9]*; do
        [ "$(cat "$proc/comm" 2>/dev/null)" = slurmstepd ] || continue
        ls -l "$proc/fd" 2>/dev/null | grep -qF -- "$dir/$1.log" || continue
        # shellcheck disable=SC2046
        kill -KILL $(tree "${proc#/proc/}") 2>/dev/null || true
    done
}

end() { # FILE NAME SIGNAL
    runs "$1" "$2" || return 0
    local pid
    pid=$(cat "$1")
    kill "-$3" "$pid"
    wait_for 10 sh -c "! grep -q . /proc/$pid/cmdline" || kill -KILL "$pid"
    rm -f "$1"
}

start() {
    [ "$(id -u)" = 0 ] || missing "a private Slurm needs root"
    install_packages
    configure
    if ! runs "$dir/munge.pid" munged; then
        rm -f "$dir"/munge.socket*
        munged --force --key-file="$dir/key" --socket="$dir/munge.socket" --pid-file="$dir/munge.pid" \
            --log-file="$dir/munge.log" --seed-file="$dir/munge.seed" </dev/null >/dev/null 2>&1
    fi
    wait_for 10 sh -c "munge -S '$dir/munge.socket' -n </dev/null | unmunge -S '$dir/munge.socket'" ||
        missing "munged does not answer"
    runs "$dir/slurmctld.pid" slurmctld || slurmctld -f "$conf" </dev/null >>"$dir/slurmctld.out" 2>&1
    wait_for 30 sh -c "scontrol ping | grep -q 'is UP'" || missing "slurmctld does not answer: $(tail -n 3 "$dir/slurmctld.log")"
    for node in node1 node2 node3; do
        runs "$dir/$node.pid" slurmd && continue
        mkdir -p "$dir/spool/$node"
        slurmd -f "$conf" -N "$node" </dev/null >>"$dir/$node.out" 2>&1
    done
    if ! wait_for 10 is_up; then
        for node in node1 node2 node3; do scontrol update "nodename=$node" state=resume 2>/dev/null || true; done
        wait_for 20 is_up || missing "the nodes do not come up: $(sinfo -h -N -o '%N %T' | tr '\n' ' ')"
    fi
    if [ -n "${1:-}" ] && ! [ -e "$dir/watched" ]; then
        touch "$dir/watched"
        setsid sh -c "tail --pid=$1 -f /dev/null; exec bash '$0' stop '$dir'" </dev/null >/dev/null 2>&1 &
    fi
    echo "$conf"
}

stop() {
    end "$dir/slurmctld.pid" slurmctld TERM
    for node in node1 node2 node3; do
        end "$dir/$node.pid" slurmd TERM
        end_jobs "$node"
    done
    end "$dir/munge.pid" munged TERM
    rm -rf -- "$dir"
}

case $what in
start) start "${3:-}" ;;
stop) stop ;;
controller) end "$dir/slurmctld.pid" slurmctld TERM ;;
cut) end "$dir/$3.pid" slurmd KILL ;;
fail)
    end "$dir/$3.pid" slurmd KILL
    end_jobs "$3"
    scontrol update "nodename=$3" state=down reason=test
    ;;
*) echo "usage: $0 start|stop|controller|cut|fail DIR [NODE|PID]" >&2; exit 2 ;;
esac
