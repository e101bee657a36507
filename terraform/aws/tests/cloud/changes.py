"""That nothing replaces a VM which exists, whatever changes."""
import json
import os
import subprocess
import tempfile

from scene import MODULE, Scene, ids, vms

NAME = "lablink-vm-kept-1"

# Each variable of the module but those that say which VMs there are: another value for it.
SETTINGS = {
    "agent_auth": "required", "allocator_ip": "127.0.0.2", "allocator_security_group_id": "GROUP",
    "allocator_url": "https://elsewhere.example.org", "assign_public_ip": False, "availability_zones": ["us-west-2c"],
    "client_ami_id": "IMAGE", "cloud_init_output_log_group": "another", "cost_center": "1234",
    "custom_startup_script_path": "SCRIPT", "enrolment_tokens": {NAME: "another"}, "gpu_support": True,
    "image_name": "example/client:2", "kms_key_id": "arn:aws:kms:us-west-2:123456789012:key/k",
    "machine_type": "g5.xlarge", "operation": "2", "other_machine_types": ["g5.xlarge"], "owner": "somebody",
    "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/bound",
    "placements": {NAME: {"availability_zone": "us-west-2c"}}, "repository": "https://example.org/lessons.git",
    "root_volume_gb": 200, "spot": {"max_price": "0.5"}, "startup_attempts": 1, "startup_on_error": "fail",
    "startup_success_check": "true", "subject_software": "other",
    "subnet_ids": ["SUBNET"],
}
# Refused while there are VMs. A region is another AWS, which knows nothing of these.
REFUSED = {"deployment_name": "north", "pool": "physics", "resource_suffix": "other", "vpc_id": "VPC"}
ELSEWHERE = {"region"}


def each(cloud, folder, check):
    """Each setting by itself, all at once, and another version of the module, against a VM that runs."""
    known = things(cloud)
    settings = with_things(SETTINGS, known)
    declared = variables_of(MODULE)
    tried = SETTINGS.keys() | REFUSED.keys() | ELSEWHERE | {"vms"}
    check("every variable is tried", declared == tried, declared ^ tried)
    scene = Scene(cloud, folder, "kept", vms=vms(NAME), enrolment_tokens={NAME: "token"})
    first = scene.apply(operation="1")
    check("a VM is made", first.ok, first)
    made = scene.instances()
    for name, value in settings.items():
        keeps(check, scene, f"another {name}", **{name: value})
    for name, value in with_things(REFUSED, known).items():
        refused = scene.plan(**{name: value})
        check(f"another {name} is refused", not refused.ok and any(
            "What exists here is" in said for said in refused.errors), refused)
    together = {name: value for name, value in settings.items() if name not in ("availability_zones", "placements")}
    keeps(check, scene, "everything at once", **together)
    keeps(check, scene, "other neighbours", vms=vms(NAME, "lablink-vm-kept-2"))

    with tempfile.TemporaryDirectory() as place:
        module = os.path.join(place, "module")
        subprocess.run(["cp", "-r", MODULE, module], check=True)
        subprocess.run(["sed", "-i", "s/LabLink client VMs/Machines of LabLink/", f"{module}/network.tf", f"{module}/iam.tf"], check=True)
        subprocess.run(["sed", "-i", "$a # a later version", f"{module}/user-data.sh"], check=True)
        scene.use_module(module)
    keeps(check, scene, "another version of the module")
    later = scene.apply(**together)
    check("and once all of it is applied, the same VM runs", later.ok and ids(scene.instances()) == ids(made), later)


def keeps(check, scene, what, **variables):
    planned = scene.plan(**variables)
    bad = {address: action for address, action in planned.changes.items()
           if action in ("replace", "delete") and address.startswith((
               "aws_instance", "aws_security_group.", "tls_private_key", "aws_key_pair", "time_static"))}
    check(f"{what} replaces nothing", planned.ok and not bad, planned)


def things(cloud):
    """What settings name that AWS must have."""
    vpc = cloud.call("ec2", "describe_vpcs")["Vpcs"][0]["VpcId"]
    group = cloud.call("ec2", "create_security_group", GroupName="allocator", Description="the allocator's", VpcId=vpc)
    image = cloud.call("ec2", "register_image", Name="another", RootDeviceName="/dev/sda1", Architecture="x86_64",
                       BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8}}])
    subnets = cloud.call("ec2", "describe_subnets")["Subnets"]
    other = cloud.call("ec2", "create_vpc", CidrBlock="127.90.0.0/16")["Vpc"]["VpcId"]
    cloud.call("ec2", "create_subnet", VpcId=other, CidrBlock="127.90.0.0/20", AvailabilityZone="us-west-2a")
    cloud.call("iam", "create_policy", PolicyName="bound", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}]}))
    return {"GROUP": group["GroupId"], "IMAGE": image["ImageId"], "SCRIPT": __file__, "VPC": other,
            "SUBNET": sorted(one["SubnetId"] for one in subnets)[-1]}


def with_things(value, known):
    if isinstance(value, dict):
        return {name: with_things(one, known) for name, one in value.items()}
    if isinstance(value, list):
        return [with_things(one, known) for one in value]
    return known.get(value, value) if isinstance(value, str) else value


def variables_of(module):
    found = set()
    for file in os.listdir(module):
        if file.endswith(".tf"):
            with open(os.path.join(module, file), encoding="utf-8") as text:
                found |= {line.split('"')[1] for line in text if line.startswith('variable "')}
    return found
