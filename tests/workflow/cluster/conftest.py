"""A private Slurm on this machine: one node with two stand-in cards, gone when the tests end."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

# srun inside a job looks here and nowhere else, whatever SLURM_CONF says.
SYSTEM = Path("/etc/slurm")
# Cores and memory beyond this machine's, so that several jobs and any rule's request fit at once.
# An urgent job preempts others; those that may be requeued start again after `cred_expire` seconds.
# Slurm looks each second whether a job has more memory than it asked for, and ends it. Most
# clusters leave that to the kernel (cgroups), which not every test machine allows.
SLURM_CONF = """\
ClusterName=stnet-test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MpiDefault=none
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=128000 Gres=gpu:2
PartitionName=main Nodes=ALL Default=YES State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL State=UP PriorityTier=2 PreemptMode=off
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=0
AuthInfo=cred_expire=5
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
"""
GRES_CONF = "NodeName={host} Name=gpu File={folder}/gpu[0-1]\n"


def why_not() -> str | None:
    """The reason for which no Slurm can be started here, if there is one."""
    if os.geteuid() != 0:
        return "needs root: slurmd runs jobs as their users, and srun reads /etc/slurm"
    missing = [name for name in ("munged", "slurmctld", "slurmd") if not shutil.which(name)]
    if missing:
        return f"{', '.join(missing)} not installed (packages slurm-wlm and munge)"
    for name in ("slurm.conf", "gres.conf"):
        if (SYSTEM / name).exists():
            return f"{SYSTEM / name} exists: this machine has a Slurm of its own"
    return None


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """Start munged, slurmctld and slurmd; yield once the node takes jobs."""
    if reason := why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("slurm")
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    for card in range(2):
        subprocess.run(["mknod", folder / f"gpu{card}", "c", "1", "3"], check=True)
    names = {"host": socket.gethostname().split(".")[0], "folder": folder}
    for name, text in {"slurm.conf": SLURM_CONF, "gres.conf": GRES_CONF}.items():
        (folder / name).write_text(text.format(**names))
        (SYSTEM / name).unlink(missing_ok=True)  # a dead link of a run that was killed
        (SYSTEM / name).symlink_to(folder / name)
    daemons: list[subprocess.Popen] = []
    try:
        with open(folder / "daemons.log", "w") as log:
            if not Path("/run/munge/munge.socket.2").exists():
                command = ["install", "-d", "-o", "munge", "-g", "munge", "/run/munge"]
                subprocess.run(command, check=True)
                command = ["munged", "--foreground"]
                daemons.append(
                    subprocess.Popen(command, user="munge", group="munge", stdout=log, stderr=log)
                )
            daemons.append(subprocess.Popen(["slurmctld", "-D", "-c"], stdout=log, stderr=log))
            daemons.append(subprocess.Popen(["slurmd", "-D", "-c"], stdout=log, stderr=log))
        wait_until_idle(folder)
        yield folder
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            daemon.wait(30)
        for name in ("slurm.conf", "gres.conf"):
            (SYSTEM / name).unlink()


def wait_until_idle(folder: Path, seconds: float = 60) -> None:
    """Wait until the node is ready, or fail with what the daemons said."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True)
        if answer.stdout.strip() == "idle":
            return
        time.sleep(0.5)
    logs = "\n".join(path.read_text() for path in sorted(folder.glob("*.log")))
    pytest.fail(f"no idle node after {seconds:.0f} s: {answer.stdout}{answer.stderr}\n{logs}")
