/* Stands in for NVIDIA's libnvidia-ml.so.1: as much of it as the agent calls. How its GPU is stands
 * in the file that FAKE_NVML names, one `key=value` a line, read anew at each call; numbers are
 * those of the real library (nvml.h). Without a line a signal is what a healthy GPU says.
 *
 *   hang=SIGNAL       that call does not return while the line is there
 *   SIGNAL_error=N    that call fails with nvmlReturn_t N
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int ret;
enum { SUCCESS = 0, NOT_SUPPORTED = 3, TIMEOUT = 10 };

static int find(const char *key, char *value, size_t size) {
    char line[200];
    size_t length = strlen(key);
    const char *path = getenv("FAKE_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    int found = 0;
    if (!file) return 0;
    while (!found && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, length) == 0 && line[length] == '=') {
            line[strcspn(line, "\n")] = 0;
            snprintf(value, size, "%s", line + length + 1);
            found = 1;
        }
    }
    fclose(file);
    return found;
}

static long number(const char *key, long usual) {
    char value[100];
    return find(key, value, sizeof value) ? atol(value) : usual;
}

static ret call(const char *signal) {
    char key[100], value[100];
    while (find("hang", value, sizeof value) && strcmp(value, signal) == 0) usleep(20 * 1000);
    snprintf(key, sizeof key, "%s_error", signal);
    /* A GPU that has fallen off the bus says so to everybody. */
    return number(key, number("lost", 0) ? 15 : SUCCESS);
}

#define ANSWER(signal, then)       \
    do {                           \
        ret result = call(signal); \
        if (result) return result; \
        then;                      \
        return SUCCESS;            \
    } while (0)

ret nvmlInit_v2(void) {
    ret result = call("init");
    return number("init_error", result == 15 ? SUCCESS : result);
}
ret nvmlShutdown(void) { return SUCCESS; }
ret nvmlSystemGetDriverVersion(char *version, unsigned length) {
    snprintf(version, length, "570.86.15");
    return SUCCESS;
}
ret nvmlDeviceGetCount_v2(unsigned *count) { *count = number("count", 1); return SUCCESS; }
ret nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = (void *)(size_t)(index + 1);
    return number("lost", 0) ? 15 : SUCCESS;
}
ret nvmlDeviceGetName(void *device, char *name, unsigned length) {
    (void)device;
    ANSWER("name", snprintf(name, length, "Tesla T4"));
}

typedef struct {
    char busIdLegacy[16];
    unsigned domain, bus, device, pciDeviceId, pciSubSystemId;
    char busId[32];
} pci;

ret nvmlDeviceGetPciInfo_v3(void *device, pci *it) {
    memset(it, 0, sizeof *it);
    it->bus = (unsigned)(size_t)device;
    snprintf(it->busId, sizeof it->busId, "00000000:%02X:00.0", it->bus);
    return SUCCESS;
}
ret nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius) {
    (void)device, (void)sensor;
    ANSWER("temperature", *celsius = number("temperature", 41));
}
ret nvmlDeviceGetTemperatureThreshold(void *device, int kind, unsigned *celsius) {
    (void)device;
    /* 0: shutdown, 1: slowdown */
    *celsius = kind == 0 ? 96 : 93;
    return kind <= 1 ? SUCCESS : NOT_SUPPORTED;
}

typedef struct {
    unsigned version;
    unsigned long long total, reserved, free, used;
} memory;

ret nvmlDeviceGetMemoryInfo_v2(void *device, memory *it) {
    (void)device;
    it->total = 16ULL << 30;
    it->used = 4ULL << 30;
    it->free = it->total - it->used;
    ANSWER("memory", );
}
ret nvmlDeviceGetUtilizationRates(void *device, unsigned *gpu_and_memory) {
    (void)device;
    gpu_and_memory[1] = 3;
    ANSWER("utilization", gpu_and_memory[0] = number("utilization", 7));
}
ret nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) {
    (void)device;
    ANSWER("power", *milliwatts = 31500);
}
ret nvmlDeviceGetTotalEccErrors(void *device, int uncorrected, int counter, unsigned long long *count) {
    (void)device, (void)counter;
    ANSWER("ecc", *count = uncorrected ? number("ecc_uncorrected", 0) : 2);
}
ret nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons) {
    (void)device;
    ANSWER("throttle", *reasons = number("throttle", 1));
}

typedef struct {
    unsigned field, scope;
    long long timestamp, latency;
    unsigned type; /* 1: unsigned int */
    ret result;
    union { double d; unsigned u; unsigned long long l; } value;
} field;

ret nvmlDeviceGetFieldValues(void *device, int count, field *fields) {
    (void)device;
    for (int i = 0; i < count; i++) {
        const char *key = fields[i].field == 144   ? "remap_pending"
                          : fields[i].field == 145 ? "remap_failed"
                          : fields[i].field == 230 ? "recovery"
                                                   : NULL;
        fields[i].type = 1;
        fields[i].result = key ? SUCCESS : NOT_SUPPORTED;
        fields[i].value.u = key ? number(key, 0) : 0;
    }
    ANSWER("fields", );
}

typedef struct {
    void *device;
    unsigned long long type, data;
    unsigned gpu, compute;
} event;

static long told_xid;

ret nvmlEventSetCreate(void **set) { *set = &told_xid; return SUCCESS; }
ret nvmlEventSetFree(void *set) { (void)set; return SUCCESS; }
ret nvmlDeviceGetSupportedEventTypes(void *device, unsigned long long *types) {
    (void)device;
    *types = 8; /* critical XIDs */
    return SUCCESS;
}
ret nvmlDeviceRegisterEvents(void *device, unsigned long long types, void *set) {
    (void)device, (void)types, (void)set;
    return SUCCESS;
}
ret nvmlEventSetWait_v2(void *set, event *it, unsigned timeout_ms) {
    (void)set;
    for (unsigned waited = 0; waited < timeout_ms; waited += 20) {
        long xid = number("xid", 0);
        if (xid && xid != told_xid) {
            told_xid = xid;
            memset(it, 0, sizeof *it);
            it->device = (void *)1;
            it->type = 8;
            it->data = xid;
            return SUCCESS;
        }
        usleep(20 * 1000);
    }
    return TIMEOUT;
}
