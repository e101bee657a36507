"""That the rights which infra gives the allocator's host are enough for all that this module does, and
for what is asked before a launch."""
import json
import os

from scene import MODULE, Scene, ids, vms

INFRA = os.path.join(os.path.dirname(os.path.dirname(MODULE)), "infra")
NAMES = "lablink-vm-test-1", "lablink-vm-test-2"
CONFIGS = os.path.join(INFRA, "tests", "configs")
# IAM's limit for all inline policies of a role together, without white space.
INLINE_LIMIT = 10240


ASKED = {
    "ec2:DescribeImages", "ec2:DescribeInstanceStatus", "ec2:DescribeInstanceTypeOfferings", "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances", "ec2:DescribeSpotInstanceRequests", "ec2:DescribeSpotPriceHistory", "ec2:RebootInstances",
    "ec2:TerminateInstances", "pricing:GetProducts", "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota", "servicequotas:ListServiceQuotas", "sts:GetCallerIdentity",
}
NOT_ALLOWED = {"ec2:CreateVpc", "iam:CreateUser", "servicequotas:RequestServiceQuotaIncrease"}


def rights(cloud, folder, check):
    role = host_role(cloud, folder, check)
    keys = cloud.call("sts", "assume_role", RoleArn=f"arn:aws:iam::123456789012:role/{role}", RoleSessionName="test")["Credentials"]
    scene = Scene(cloud, folder, "test", other_machine_types=["g5.xlarge"], owner="teaching",
                  permissions_boundary_arn="arn:aws:iam::123456789012:policy/lablink_client_boundary_test")
    scene.environment.update(AWS_ACCESS_KEY_ID=keys["AccessKeyId"], AWS_SECRET_ACCESS_KEY=keys["SecretAccessKey"],
                             AWS_SESSION_TOKEN=keys["SessionToken"])
    one, two = NAMES
    for what, variables in {
        "make a VM": {"vms": vms(one), "enrolment_tokens": {one: "token"}, "operation": "1"},
        "make one of another type on the spot market": {
            "vms": vms(one, two), "spot": {}, "placements": {two: {"machine_type": "g5.xlarge"}}},
        "give tags, take tags": {"vms": vms(one, two), "owner": "", "cost_center": "1234"},
        "take the log group away": {"vms": vms(one, two), "cloud_init_output_log_group": ""},
        "give it back": {"vms": vms(one, two)},
        "take one VM away": {"vms": vms(one)},
    }.items():
        done = scene.apply(**variables)
        check(f"the host's role is enough to {what}", done.ok, done)
    made = scene.instances()
    check("the VM is what it was", ids(made).keys() == {one}, made)

    verdicts = cloud.call("iam", "simulate_principal_policy", ActionNames=[*ASKED, *NOT_ALLOWED],
                          PolicySourceArn=f"arn:aws:iam::123456789012:role/{role}",
                          ResourceArns=["arn:aws:ec2:us-west-2:123456789012:instance/i-0123456789abcdef0"])["EvaluationResults"]
    allowed = {one["EvalActionName"] for one in verdicts if one["EvalDecision"] == "allowed"}
    check("and to ask what is asked before and beside a launch", allowed == ASKED, allowed ^ ASKED)
    gone = scene.destroy()
    check("and to destroy all", gone.ok, gone)


def host_role(cloud, folder, check):
    """Deploys infra, and gives the name of its host's role."""
    config = os.path.join(CONFIGS, "none-address-dynamic.yaml")
    infra = Scene(cloud, f"{folder}-infra", "test", module=INFRA, **deployment(config))
    made = infra.apply()
    check("infra is deployed", made.ok, made)
    role = "lablink_instance_role_test"
    names = cloud.call("iam", "list_role_policies", RoleName=role)["PolicyNames"]
    size = sum(len("".join(json.dumps(cloud.call("iam", "get_role_policy", RoleName=role, PolicyName=name)[
        "PolicyDocument"]).split())) for name in names)
    check(f"its role's policies have {size} of {INLINE_LIMIT} characters", size <= INLINE_LIMIT)
    return role


def deployment(config):
    """What infra is told of a deployment with this configuration."""
    return {"config_path": config, "admin_password": "organiser-pass", "db_password": "database-pass",
            "log_forwarder_zip": os.path.join(INFRA, "tests", "fixtures", "forwarder.zip")}
