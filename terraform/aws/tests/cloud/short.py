"""What `make test` shows: a launch of which AWS refuses a part, its second try, what may change under
VMs and what may not, and the end."""
import time

from scene import Scene, ids, seconds, tags, vms

EVERY = {f"lablink-chemistry-short-{number}" for number in (1, 2, 3)}
NAMES = {"deployment_name": "north", "pool": "chemistry"}


def short(cloud, folder, check):
    scene = Scene(cloud, folder, "short", vms=vms(*EVERY), agent_auth="required", other_machine_types=["g5.xlarge"], **NAMES)
    cloud.tell("fault", "capacity", "--times", "1")
    first = scene.apply(operation="41", enrolment_tokens={name: "token" for name in EVERY})
    made = scene.instances()
    check("of three VMs AWS refuses one, for one reason", not first.ok and len(made) == 2 and len(first.errors) == 1, first)
    check("tags tell deployment, pool and operation", all(
        tags(vm).items() >= {"Deployment": "north", "Pool": "chemistry", "Operation": "41"}.items() for vm in made.values()), made)
    check("and names deployment, environment and pool", {
        group["GroupName"] for vm in made.values() for group in vm["NetworkInterfaces"][0]["Groups"]
    } == {"lablink_client_north_short.chemistry_sg"}, made)
    (late,), (gone, stays) = EVERY - made.keys(), sorted(made)

    begun = int(time.time())
    place = {late: {"availability_zone": "us-west-2c", "machine_type": "g5.xlarge"}}
    second = scene.apply(operation="42", enrolment_tokens={late: "token"}, placements=place, owner="teaching")
    now = scene.instances()
    check("the second try makes it elsewhere, of another type", second.ok and (
        now[late]["Placement"]["AvailabilityZone"], now[late]["InstanceType"]) == ("us-west-2c", "g5.xlarge"), second)
    check("and leaves the others as they are", ids(made).items() <= ids(now).items() and all(
        tags(now[name])["Operation"] == "41" for name in made), now)
    check("where each type can be made is told", scene.output("zones").keys() == {"g4dn.xlarge", "g5.xlarge"})
    check("tags change in place, those of disks as well", all(
        tags(thing).get("Owner") == "teaching" for kind in (now, scene.disks()) for thing in kind.values()))
    times = scene.output("instance_terraform_apply_times")
    check("its time counts from the try that made it", seconds(times[late]["start_time"]) >= begun, times)

    cloud.tell("terminate", ids(now)[gone])
    refused = scene.plan(operation="43", owner="teaching")
    check("a VM that ended outside is not made again without a token", not refused.ok and any(
        gone in said and "enrolment_tokens has none for it" in said for said in refused.errors), refused)
    begun = int(time.time())
    again = scene.apply(operation="43", owner="teaching", enrolment_tokens={gone: "token"}, cloud_init_output_log_group="")
    anew = scene.instances()
    check("with one it is, and alone", again.ok and anew.keys() == EVERY and {
        name for name in anew if ids(anew)[name] != ids(now)[name]} == {gone}, again)
    later = scene.output("instance_terraform_apply_times")
    check("its time is its new one", seconds(later[gone]["start_time"]) >= begun
          and [later[name] for name in (late, stays)] == [times[name] for name in (late, stays)], later)
    check("when the log group goes, no VM keeps a profile", not any("IamInstanceProfile" in vm for vm in anew.values()), anew)
    check("and it is given back before role and profile go", came_in_order(
        cloud, "DisassociateIamInstanceProfile", "DeleteInstanceProfile", "DeleteRole"))

    same = scene.plan(operation="44", owner="teaching", cloud_init_output_log_group="")
    check("the same again changes nothing", same.ok and not same.changes, same)
    gone = scene.destroy()
    check("destroying leaves nothing", gone.ok and not scene.instances() and not scene.disks() and not [
        group for group in cloud.call("ec2", "describe_security_groups")["SecurityGroups"] if "north" in group["GroupName"]], gone)


def came_in_order(cloud, *actions):
    """Whether the last calls of these did."""
    with open(f"{cloud.folder}/calls.log", encoding="utf-8") as file:
        lines = file.read().splitlines()
    places = [max((n for n, line in enumerate(lines) if action in line.split()), default=-1) for action in actions]
    return -1 not in places and places == sorted(places)
