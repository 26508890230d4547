/* A JACK client that does nothing but note when each cycle began: the yardstick for drop-outs.
 *
 *   gcc -O2 -o quiet_client quiet_client.c -ljack
 *   quiet_client SERVER TIMES
 *
 * It runs until its stdin closes, then writes one 64-bit time in microseconds per cycle.
 */
#include <jack/jack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CYCLES (1 << 23) /* over six hours at 128 frames */

static jack_port_t *port;
static jack_time_t *times;
static volatile size_t cycles;

static int process(jack_nframes_t frames, void *unused)
{
    (void)unused;
    memset(jack_port_get_buffer(port, frames), 0, frames * sizeof(float));
    if (cycles < MAX_CYCLES)
        times[cycles++] = jack_get_time();
    return 0;
}

int main(int argc, char **argv)
{
    char line[8];
    if (argc != 3)
        return 2;
    times = malloc(MAX_CYCLES * sizeof *times);
    memset(times, 0, MAX_CYCLES * sizeof *times);
    jack_client_t *client =
        jack_client_open("quiet", JackServerName | JackNoStartServer, NULL, argv[1]);
    if (!client || !times)
        return 3;
    jack_set_process_callback(client, process, NULL);
    port = jack_port_register(client, "out", JACK_DEFAULT_AUDIO_TYPE, JackPortIsOutput, 0);
    if (!port || jack_activate(client))
        return 3;
    while (fgets(line, sizeof line, stdin))
        ;
    jack_deactivate(client);
    FILE *file = fopen(argv[2], "wb");
    if (!file || fwrite(times, sizeof *times, cycles, file) != cycles || fclose(file))
        return 3;
    jack_client_close(client);
    return 0;
}
