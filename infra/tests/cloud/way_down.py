"""Nothing of a deployment is destroyed while its VMs exist, and nothing but its state is needed then."""
import os

from deployment import Deployment
from scene import tags

VM = "lablink-vm-prod-1"


def guarded(cloud, folder, check):
    infra = Deployment(cloud, folder).use("none-address-dynamic.yaml")
    infra.variables["log_forwarder_zip"] = os.path.join(folder, "forwarder.zip")
    missing = infra.plan()
    check("without the forwarder's package nothing is made", not missing.ok
          and any("log_forwarder_zip" in error for error in missing.errors), missing)
    with open(infra.variables["log_forwarder_zip"], "wb") as file:
        file.write(b"PK")
    made = infra.apply()
    check("with it the deployment is", made.ok, made.errors)

    group = client(cloud, "prod")
    other = client(cloud, "prod", Deployment="north")
    os.remove(infra.variables["log_forwarder_zip"])
    refused = infra.destroy()
    check("with a VM it is not destroyed", not refused.ok
          and any("VMs of this deployment still exist" in error for error in refused.errors), refused.errors)
    check("nothing of it is", holds(infra) and "north" not in str(refused.errors), refused)
    for instance in instances(cloud, Name=VM):
        cloud.tell("terminate", instance["InstanceId"])
    refused = infra.destroy()
    check("nor with what its VMs shared", not refused.ok
          and any("what they shared" in error and group in error for error in refused.errors), refused.errors)
    check("nothing of it is", holds(infra), refused)
    cloud.call("ec2", "delete_security_group", GroupId=group)
    gone = infra.destroy()
    check("then it goes, without the forwarder's package", gone.ok and not infra.terraform("state", "list").stdout, gone.errors)
    check("and another deployment's VM stays", len(instances(cloud, Deployment="north")) == 1, other)


def client(cloud, environment, **more):
    """A VM and its group, as the allocator's module tags them."""
    marks = [{"Key": key, "Value": value} for key, value in {
        "ManagedBy": "lablink-allocator", "Environment": environment, "Name": VM, **more}.items()]
    name = "-".join(["lablink", environment, *more.values()])
    group = cloud.call("ec2", "create_security_group", GroupName=name, Description="clients", TagSpecifications=[
        {"ResourceType": "security-group", "Tags": marks}])["GroupId"]
    cloud.call("ec2", "run_instances", ImageId=cloud.environment["AWS_CLOUD_AMI"], InstanceType="g4dn.xlarge", MinCount=1,
               MaxCount=1, TagSpecifications=[{"ResourceType": "instance", "Tags": marks}])
    return group


def instances(cloud, **wanted):
    found = cloud.call("ec2", "describe_instances", Filters=[
        {"Name": "instance-state-name", "Values": ["pending", "running"]}])
    every = [vm for reservation in found["Reservations"] for vm in reservation["Instances"]]
    return [vm for vm in every if wanted.items() <= tags(vm).items() and ("Deployment" in wanted or "Deployment" not in tags(vm))]


def holds(infra):
    """Whether all is there that was."""
    again = infra.run("plan", "-refresh-only")
    return "aws_instance.host[0]" in infra.terraform("state", "list").stdout and again.ok
