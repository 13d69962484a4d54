/* Ecos en C, con un proceso por cliente: el argumento dice cuál. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void leave(int signal_number) {
    (void)signal_number;
    _exit(0);
}

static int write_all(int fd, const char *data, ssize_t count) {
    while (count > 0) {
        ssize_t written = write(fd, data, (size_t)count);
        if (written <= 0) return -1;
        data += written;
        count -= written;
    }
    return 0;
}

static void attend(int fd, const char *which) {
    char data[16384];
    ssize_t count;
    while ((count = read(fd, data, sizeof data - 1)) > 0) {
        data[count] = '\0';
        /* «cadenas»: en C, una cadena acaba en el byte cero. */
        ssize_t length = strcmp(which, "cadenas") == 0 ? (ssize_t)strlen(data) : count;
        if (write_all(fd, data, length) < 0) return;
        if (strcmp(which, "lectura_corta") == 0 && count < 16) return;
    }
}

int main(int argc, char **argv) {
    const char *which = argc > 1 ? argv[1] : "bien";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) < 0) return 1;
    listen(listener, 1024);
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("Escuchando en 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    signal(SIGCHLD, SIG_IGN);
    if (strcmp(which, "sin_ctrl_c") != 0) signal(SIGINT, leave);
    else signal(SIGINT, SIG_DFL);
    pid_t parent = getpid();
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) continue;
        if (strcmp(which, "sin_procesos") == 0) {
            attend(client, which);
        } else if (fork() == 0) {
            /* Si el padre termina, también sus hijos; y si ya terminó, este. */
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != parent) _exit(0);
            close(listener);
            attend(client, which);
            _exit(0);
        }
        close(client);
    }
}
