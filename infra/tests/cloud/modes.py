"""The ways of being reached, from each to each other."""
from deployment import Deployment, addresses, lasting_address

WAYS = ["none-address", "none-route53", "none-dns", "letsencrypt-route53", "letsencrypt-dns", "cloudflare-dns",
        "acm-route53", "acm-dns"]
FILES = [f"{way}-{address}.yaml" for way in WAYS for address in ("dynamic", "persistent")]


def address(cloud, folder, check):
    lasting = lasting_address(cloud)
    infra = Deployment(cloud, folder)
    for kind in ("dynamic", "persistent", "dynamic"):
        infra.use(f"none-address-{kind}.yaml").change(check, f"the address becomes {kind}")
        ours, host = infra.output("ec2_public_ip"), infra.output("instance_id")
        check(f"and the {kind} one is in use", (ours == lasting) == (kind == "persistent")
              and associated(cloud, ours) == host, (ours, lasting, addresses(cloud)))
    gone = infra.destroy()
    check("the deployment goes, and the lasting address stays", gone.ok and list(addresses(cloud)) == [lasting],
          (gone.errors, addresses(cloud)))


def once(cloud, folder, check):
    """Each way once, the address of the other kind each time."""
    lasting_address(cloud)
    infra = Deployment(cloud, folder)
    for number, way in enumerate(WAYS):
        kind = ("dynamic", "persistent")[number % 2]
        infra.use(f"{way}-{kind}.yaml").change(check, f"{way}, {kind}")
    gone = infra.destroy()
    check("the deployment goes", gone.ok, gone.errors)


def each(cloud, folder, check):
    lasting_address(cloud)
    infra = Deployment(cloud, folder)
    for file in all_pairs(FILES):
        infra.use(file).change(check, file.removesuffix(".yaml"))
    gone = infra.destroy()
    check("the deployment goes", gone.ok, gone.errors)


def associated(cloud, ip):
    found = cloud.call("ec2", "describe_addresses", PublicIps=[ip])["Addresses"][0]
    return found.get("InstanceId")


def all_pairs(items):
    """A walk that goes from each item to each other exactly once."""
    left = {(a, b) for a in items for b in items if a != b}
    walk, stack = [], [items[0]]
    while stack:
        here = stack[-1]
        step = next((there for there in items if (here, there) in left), None)
        if step is None:
            walk.append(stack.pop())
        else:
            left.remove((here, step))
            stack.append(step)
    return walk[::-1]
