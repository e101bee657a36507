"""A stand-in for AWS, and a copy of the module in which Terraform applies to it."""
import calendar
import collections
import json
import os
import re
import shutil
import subprocess
import time

MODULE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOT_OURS = shutil.ignore_patterns("tests", ".terraform", "*.tfstate*")

# `changes`: what is planned, by address; `errors`: what Terraform says is wrong.
Outcome = collections.namedtuple("Outcome", "ok changes errors")


class Cloud:
    def __init__(self, program, folder, *options):
        self.program, self.folder = program, folder
        subprocess.run([program, "start", folder, *options], check=True, stdout=subprocess.DEVNULL)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
        self.environment["CHECKPOINT_DISABLE"] = "1"
        with open(os.path.join(folder, "env"), encoding="utf-8") as file:
            self.environment.update(re.findall(r"^export (\w+)='(.*)'$", file.read(), re.M))

    def tell(self, word, *more):
        done = subprocess.run([self.program, word, self.folder, *more], check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def call(self, service, operation, **parameters):
        return json.loads(self.tell("call", service, operation, json.dumps(parameters)))


class Scene:
    """One environment, made by one copy of the module, whose variables are `variables`."""

    def __init__(self, cloud, folder, environment, module=MODULE, **variables):
        self.cloud, self.folder, self.name = cloud, folder, environment
        self.environment = {**cloud.environment, "TF_DATA_DIR": os.path.join(folder, ".terraform")}
        shutil.copytree(module, folder, ignore=NOT_OURS)
        # The state stays in the folder.
        with open(os.path.join(folder, "backend_override.tf.json"), "w", encoding="utf-8") as file:
            json.dump({"terraform": {"backend": {"local": {}}}}, file)
        self.variables = {
            "resource_suffix": environment, "region": "us-west-2", "machine_type": "g4dn.xlarge",
            "client_ami_id": cloud.environment["AWS_CLOUD_AMI"], "image_name": "example/client:1",
            "allocator_ip": "127.0.0.1", "allocator_url": "http://127.0.0.1:1",
            "custom_startup_script_path": os.path.join(folder, "none"),
            "cloud_init_output_log_group": f"lablink-cloud-init-{environment}", **variables}
        self.init()

    def init(self):
        self.terraform("init", "-input=false", check=True)

    def use_module(self, module=MODULE):
        """As an upgrade does: the state stays."""
        for file in os.listdir(self.folder):
            if file.endswith((".tf", ".sh", ".tftpl")):
                os.remove(os.path.join(self.folder, file))
        shutil.copytree(module, self.folder, ignore=NOT_OURS, dirs_exist_ok=True)
        self.init()

    def program(self, *words, **more):
        return subprocess.run(words, cwd=self.folder, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)

    def terraform(self, *arguments, **more):
        return self.program("terraform", *arguments, **more)

    def run(self, command, *options, **variables):
        """Runs with these variables for once."""
        with open(os.path.join(self.folder, "test.auto.tfvars.json"), "w", encoding="utf-8") as file:
            json.dump({**self.variables, **variables}, file)
        done = self.terraform(command, "-json", "-input=false", *options)
        changes, errors = {}, []
        for line in done.stdout.splitlines():
            try:
                message = json.loads(line)
            except ValueError:
                errors.append(line)
                continue
            if message["type"] == "planned_change":
                changes[message["change"]["resource"]["addr"]] = message["change"]["action"]
            elif message["type"] == "diagnostic" and message["@level"] == "error":
                told = message["diagnostic"]
                errors.append(" ".join(f"{told['summary']}: {told.get('detail', '')}".split()))
        return Outcome(done.returncode == 0, changes, errors)

    def plan(self, *options, **variables):
        return self.run("plan", *options, **variables)

    def apply(self, **variables):
        return self.run("apply", "-auto-approve", **variables)

    def destroy(self):
        return self.run("destroy", "-auto-approve")

    def output(self, name):
        return json.loads(self.terraform("output", "-json", name, check=True).stdout)

    def instances(self):
        """What AWS has of this environment, by name."""
        found = self.cloud.call("ec2", "describe_instances", Filters=[
            {"Name": "tag:Environment", "Values": [self.name]}, {"Name": "tag:ManagedBy", "Values": ["lablink-allocator"]},
            {"Name": "instance-state-name", "Values": ["pending", "running"]}])
        every = [vm for reservation in found["Reservations"] for vm in reservation["Instances"]]
        return {tags(vm)["Name"]: vm for vm in every}

    def disks(self):
        found = self.cloud.call("ec2", "describe_volumes", Filters=[
            {"Name": "tag:Environment", "Values": [self.name]}])
        return {tags(disk)["Name"]: disk for disk in found["Volumes"]}


def tags(thing):
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags", [])}


def ids(instances):
    return {name: vm["InstanceId"] for name, vm in instances.items()}


def vms(*names):
    return {name: {"number": int(name.rsplit("-", 1)[1])} for name in names}


def seconds(rfc3339):
    return calendar.timegm(time.strptime(rfc3339, "%Y-%m-%dT%H:%M:%SZ"))
