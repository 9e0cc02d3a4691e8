/* The loop of relay.py, compiled: relay DELAY_SECONDS FILE... where FILE are open tun devices. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROOM 8192      /* packets under way, a power of two */
#define LARGEST 65536  /* bytes of a packet */
#define HOSTS 64
#define TURN 16        /* packets taken from a host until the others have theirs */

struct packet {
    double due;
    int file;
    ssize_t size;
    unsigned char *bytes;
};

static struct packet held[ROOM];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int count, char **words)
{
    struct pollfd files[HOSTS];
    int hosts = count - 2;
    double delay = count > 1 ? atof(words[1]) : 0;
    unsigned long first = 0, next = 0; /* held[first % ROOM], ..., in the order they are due */

    if (hosts < 1 || hosts > HOSTS)
        return 2;
    for (int i = 0; i < hosts; i++)
        files[i] = (struct pollfd){atoi(words[i + 2]), POLLIN, 0};
    for (int i = 0; i < ROOM; i++)
        if (!(held[i].bytes = malloc(LARGEST)))
            return 3;
    for (;;) {
        struct timespec wait = {0, 0};
        if (first != next) {
            double left = held[first % ROOM].due - now();
            if (left > 0)
                wait.tv_nsec = left < 1 ? (long)(left * 1e9) : 999999999;
        }
        if (ppoll(files, hosts, first == next ? NULL : &wait, NULL) < 0 && errno != EINTR)
            return 4;
        for (int i = 0; i < hosts; i++) {
            if (!(files[i].revents & POLLIN))
                continue;
            for (int turn = 0; turn < TURN && next - first < ROOM; turn++) {
                struct packet *p = &held[next % ROOM];
                int to;
                p->size = read(files[i].fd, p->bytes, LARGEST);
                if (p->size < 20)
                    break;
                to = p->bytes[19]; /* the address ends in the number of the host, from 1 */
                if (p->bytes[0] >> 4 != 4 || to < 1 || to > hosts)
                    continue;
                p->due = now() + delay;
                p->file = files[to - 1].fd;
                next++;
            }
        }
        while (first != next && held[first % ROOM].due <= now()) {
            struct packet *p = &held[first++ % ROOM];
            if (write(p->file, p->bytes, p->size) < 0 && errno != EAGAIN && errno != EIO)
                return 5; /* a full queue drops the packet, as a wire's end would */
        }
    }
}
