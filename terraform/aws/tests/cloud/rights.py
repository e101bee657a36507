def rights(cloud, folder, check):
    pass
