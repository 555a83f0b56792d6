/*
 * The command `pipd` as a program of the machine: Node needs 20 to 70 ms before its first line runs, this one begins at once. It does what a command nearly
 * always needs: finds the daemon, proves itself, hands the command over and prints what comes back. For everything else (no daemon yet, another build, the
 * commands about the daemon, `--no-daemon`) it becomes the TypeScript client with the same words, as long as the command has not begun. The protocol is
 * described in protocol/README.md; the TypeScript client beside it does the same, and the tests drive both.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "aftermath.h"
#include "caller.h"
#include "keyboard.h"
#include "place.h"
#include "proof.h"
#include "screen.h"
#include "text.h"

enum {
  EXIT_BROKEN_PIPE = 120,
  EXIT_NOT_RUNNABLE = 127,
  EXIT_INTERRUPTED = 130,
  EXIT_INTERNAL = 70,
  MAX_HEADER = 4096,
  MAX_BODY = 16 * 1024 * 1024,
  /* A daemon that does not answer the first message in this time is the TypeScript client's to explain, in ms. */
  ANSWER_MS = 1000,
  RESIZE_MS = 50,
  /* Bytes written before the daemon is told; a quarter of what it lets be on the way. */
  ACKNOWLEDGE_EVERY = 64 * 1024,
  /* Bytes waiting to be printed while nothing more is taken from the daemon. */
  FULL = 4 * 1024 * 1024,
  INITIALIZE = 1,
  RUN = 2,
};

static char **words;
static place here;
static int connection = -1;
static text incoming, outgoing;
static json message;

static struct {
  bool handshaken, accepted, ended, lost, show_time;
  int interrupts;
  long long daemon_pid;
  int exit_code;
  int signal; /* that the command should be seen to have died of */
  text nonce, changing;
} run;

static void die_by(int number) {
  keyboard_stop();
  signal(number, SIG_DFL);
  raise(number);
  _exit(128 + number);
}

/* Becomes the TypeScript client. Only before the command has begun. */
_Noreturn static void fall_back(void) {
  if (run.interrupts > 0) die_by(SIGINT);
  keyboard_stop();
  screen_drain();
  signal(SIGINT, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  text path = {0};
  text_path(&path, &here.root, "/client/pipd");
  setenv("PIPD_LAUNCHER", "0", 1);
  words[0] = path.data;
  execv(path.data, words);
  fprintf(stderr, "pipd: cannot run %s: %s. Run `npm run build` there.\n", path.data, strerror(errno));
  _exit(EXIT_NOT_RUNNABLE);
}

/* ---- Signals: each becomes a byte in a pipe, so that nothing waits for it in vain. ---- */

static int signals[2];

static void on_signal(int number) {
  int saved = errno;
  char byte = (char)number;
  (void)!write(signals[1], &byte, 1);
  errno = saved;
}

static void catch_signal(int number) {
  struct sigaction action = {.sa_handler = on_signal};
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

/* ---- Messages ---- */

static void send_body(const text *body) {
  char header[40];
  text_add(&outgoing, header, (size_t)snprintf(header, sizeof header, "Content-Length: %zu\r\n\r\n", body->length));
  text_add(&outgoing, body->data, body->length);
}

/* Sends a message whose text is made as printf does; nothing in it may need quoting. */
__attribute__((format(printf, 1, 2))) static void send_words(const char *format, ...) {
  char line[512];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(line, sizeof line, format, values);
  va_end(values);
  send_body(&(text){.data = line, .length = (size_t)length});
}

static void make_nonce(char nonce[33]) {
  unsigned char bytes[16];
  int random = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (random < 0 || read(random, bytes, sizeof bytes) != (ssize_t)sizeof bytes) fall_back();
  close(random);
  for (int i = 0; i < 16; i++) snprintf(nonce + i * 2, 3, "%02x", bytes[i]);
}

static void send_initialize(void) {
  char nonce[33], version[64];
  make_nonce(nonce);
  text_say(&run.nonce, nonce);
  snprintf(version, sizeof version, "%.*s", (int)strcspn(here.build_id.data, "+"), here.build_id.data);
  text body = {0};
  text_say(&body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocol\":{\"min\":1,\"max\":1},\"client\":{\"name\":\"pipd\"");
  add_member(&body, "buildId", here.build_id.data);
  add_member(&body, "version", version);
  text_say(&body, ",\"pid\":");
  text_number(&body, getpid());
  text_say(&body, "}");
  add_member(&body, "nonce", nonce);
  text_say(&body, ",\"namespace\":{\"mnt\":");
  text_quote(&body, here.mount.data, here.mount.length);
  add_member(&body, "host", here.host.data);
  text_say(&body, "}}}");
  send_body(&body);
  free(body.data);
}

static void send_run(void) {
  text body = {0};
  text_say(&body, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"run/start\",\"params\":{\"runId\":1");
  if (!add_caller(&body, words)) fall_back();
  text_say(&body, "}}");
  send_body(&body);
  free(body.data);
}

/* ---- What the daemon says ---- */

static bool add_proof(const char *secret, const char *server_nonce, const char *side, char proof[65]) {
  text said = {0};
  text_add(&said, run.nonce.data, run.nonce.length);
  text_say(&said, "\n");
  text_say(&said, server_nonce);
  text_say(&said, "\n");
  text_say(&said, side);
  bool good = prove(secret, said.data, said.length, proof);
  free(said.data);
  return good;
}

/* The answer to `initialize`: each side proves that it knows the secret (R9), and the command is on its way. */
static void finish_handshake(const json_value *result) {
  text secret = {0}, nonce = {0}, given = {0};
  char proof[65];
  bool good = json_string(&message, json_member(&message, result, "nonce"), &nonce) &&
              json_string(&message, json_member(&message, result, "proof"), &given) && read_file(here.token.data, &secret) &&
              add_proof(secret.data, nonce.data, "server", proof) && same_proof(proof, given.data) &&
              add_proof(secret.data, nonce.data, "client", proof);
  if (!good) fall_back();
  run.daemon_pid = (long long)json_number(&message, json_member(&message, json_member(&message, result, "server"), "pid"), 0);
  const json_value *notices = json_member(&message, result, "notices");
  if (notices != NULL && notices->kind == '[')
    for (size_t at = (size_t)(notices - message.values) + 1; at < notices->next; at = message.values[at].next) {
      text line = {0};
      if (json_string(&message, &message.values[at], &line)) {
        text_say(&line, "\n");
        screen_say(2, line.data);
      }
      free(line.data);
    }
  send_words("{\"jsonrpc\":\"2.0\",\"method\":\"initialized\",\"params\":{\"proof\":\"%s\"}}", proof);
  send_run();
  run.handshaken = true;
  free(secret.data);
  free(nonce.data);
  free(given.data);
}

static void show_failure(const json_value *error) {
  const json_value *facts = json_member(&message, error, "data");
  if (json_is(&message, json_member(&message, facts, "code"), "request-cancelled")) {
    run.exit_code = EXIT_INTERRUPTED;
    run.signal = SIGINT;
    return;
  }
  text lines = {0};
  text_say(&lines, "ERROR: ");
  json_string(&message, json_member(&message, error, "message"), &lines);
  text_say(&lines, "\n");
  const json_value *hint = json_member(&message, facts, "hint");
  if (hint != NULL && hint->kind == '"') {
    text_say(&lines, "HINT: ");
    json_string(&message, hint, &lines);
    text_say(&lines, "\n");
  }
  screen_say(2, lines.data);
  free(lines.data);
  run.exit_code = (int)json_number(&message, json_member(&message, facts, "exitCode"), EXIT_INTERNAL);
}

static void take_answer(const json_value *whole) {
  const json_value *result = json_member(&message, whole, "result"), *error = json_member(&message, whole, "error");
  int id = (int)json_number(&message, json_member(&message, whole, "id"), 0);
  if (id == INITIALIZE && !run.handshaken) {
    if (error != NULL || result == NULL) fall_back();
    finish_handshake(result);
    return;
  }
  if (id != RUN || !run.handshaken) return;
  const json_value *facts = json_member(&message, error, "data");
  if (!run.accepted && json_is(&message, json_member(&message, facts, "code"), "retiring")) fall_back();
  screen_status("");
  run.ended = true;
  if (error != NULL) {
    show_failure(error);
    return;
  }
  run.exit_code = (int)json_number(&message, json_member(&message, result, "exitCode"), EXIT_INTERNAL);
  static const struct {
    const char *name;
    int number;
  } known[] = {{"SIGINT", SIGINT}, {"SIGTERM", SIGTERM}, {"SIGHUP", SIGHUP}};
  for (size_t index = 0; index < sizeof known / sizeof *known; index++)
    if (json_is(&message, json_member(&message, result, "signal"), known[index].name)) run.signal = known[index].number;
  if (!run.show_time) return;
  char line[64];
  snprintf(line, sizeof line, "daemon time: %.2f ms\n", json_number(&message, json_member(&message, result, "elapsedMs"), 0));
  screen_say(2, line);
}

/* The id of the question that is being answered, as JSON. */
static text question;

static void begin_question(const json_value *whole, const json_value *params, bool is_prompt) {
  const json_value *id = json_member(&message, whole, "id");
  text raw = {0};
  bool quoted = id->kind == '"';
  text_add(&raw, message.source + id->start - quoted, id->length + 2 * (size_t)quoted);
  if (keyboard_wanted() != NOTHING || raw.length > 100) {
    send_words("{\"jsonrpc\":\"2.0\",\"id\":%.100s,\"error\":{\"code\":-32603,\"message\":\"one question at a time\"}}", raw.length > 100 ? "null" : raw.data);
    free(raw.data);
    return;
  }
  free(question.data);
  question = raw;
  if (!is_prompt) {
    double most = json_number(&message, json_member(&message, params, "max"), 1);
    keyboard_ask(BYTES, most >= 65536 ? 65536 : most < 1 ? 1 : (size_t)most);
    return;
  }
  text asked = {0};
  screen_status("");
  if (json_string(&message, json_member(&message, params, "message"), &asked)) screen_write(1, asked.data, asked.length, 0);
  free(asked.data);
  keyboard_ask(json_is(&message, json_member(&message, params, "kind"), "password") ? SECRET : LINE, 1);
}

static void answer_question(const text *typed, bool ended) {
  wanted_input what = keyboard_wanted();
  keyboard_stop();
  if (what == SECRET && isatty(0)) screen_say(1, "\n");
  text body = {0};
  text_say(&body, "{\"jsonrpc\":\"2.0\",\"id\":");
  text_add(&body, question.data, question.length);
  text_say(&body, ",\"result\":");
  if (ended)
    text_say(&body, what == BYTES ? "{\"eof\":true}" : "{\"cancelled\":true}");
  else if (what == BYTES) {
    text_say(&body, "{\"data\":\"");
    text_base64(&body, typed->data, typed->length);
    text_say(&body, "\"}");
  } else {
    text_say(&body, "{\"value\":");
    text_quote(&body, typed->data, typed->length);
    text_say(&body, "}");
  }
  text_say(&body, "}");
  send_body(&body);
  free(body.data);
}

static void take_output(const json_value *params) {
  double descriptor = json_number(&message, json_member(&message, params, "fd"), 1);
  text data = {0};
  if (json_string(&message, json_member(&message, params, "data"), &data))
    screen_write(descriptor == 2 ? 2 : 1, data.data, data.length, (long long)json_number(&message, json_member(&message, params, "seq"), 0));
  free(data.data);
}

static void take_call(const json_value *whole, const json_value *method) {
  const json_value *params = json_member(&message, whole, "params"), *id = json_member(&message, whole, "id");
  bool during = run.handshaken && !run.ended;
  if (id != NULL) {
    bool is_prompt = json_is(&message, method, "run/prompt");
    if (during && (is_prompt || json_is(&message, method, "run/readStdin"))) begin_question(whole, params, is_prompt);
    else if (id->kind == '0' && id->length < 20)
      send_words("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"error\":{\"code\":-32601,\"message\":\"no such method\"}}", (int)id->length, message.source + id->start);
    return;
  }
  if (!during) return;
  if (json_is(&message, method, "run/accepted")) run.accepted = true;
  else if (json_is(&message, method, "run/output")) take_output(params);
  else if (json_is(&message, method, "run/changing")) {
    text_drop(&run.changing, run.changing.length);
    json_string(&message, json_member(&message, params, "root"), &run.changing);
  } else if (json_is(&message, method, "run/status")) {
    text shown = {0};
    if (json_string(&message, json_member(&message, params, "text"), &shown)) screen_status(shown.data);
    free(shown.data);
  }
}

/* The length that a header announces, or -1 when it is none. `header` is one with a NUL behind it. */
static long content_length(char *header) {
  long length = -1;
  for (char *line = header; line != NULL;) {
    char *next = strstr(line, "\r\n");
    if (next != NULL) {
      *next = '\0';
      next += 2;
    }
    char *colon = strchr(line, ':');
    if (colon == NULL || colon == line || strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-") != (size_t)(colon - line)) return -1;
    if (strncasecmp(line, "Content-Length:", 15) == 0) {
      const char *digits = colon + 1 + strspn(colon + 1, " ");
      size_t count = strspn(digits, "0123456789");
      if (length >= 0 || count == 0 || count > 10 || digits[count] != '\0') return -1;
      length = atol(digits);
    }
    line = next;
  }
  return length > MAX_BODY ? -1 : length;
}

/* Takes the next whole frame out of `incoming`: 1 when there was one, 0 when more has to come, -1 for what is none. */
static int take_frame(void) {
  static long wanted = -1;
  if (wanted < 0) {
    char *end = incoming.length == 0 ? NULL : memmem(incoming.data, incoming.length < MAX_HEADER ? incoming.length : MAX_HEADER, "\r\n\r\n", 4);
    if (end == NULL) return incoming.length >= MAX_HEADER ? -1 : 0;
    *end = '\0';
    size_t length = (size_t)(end - incoming.data);
    wanted = strlen(incoming.data) == length ? content_length(incoming.data) : -1;
    if (wanted < 0) return -1;
    text_drop(&incoming, length + 4);
  }
  if (incoming.length < (size_t)wanted) return 0;
  size_t length = (size_t)wanted;
  wanted = -1;
  if (!json_parse(&message, incoming.data, length)) return -1;
  const json_value *whole = &message.values[0];
  if (!json_is(&message, json_member(&message, whole, "jsonrpc"), "2.0")) return -1;
  const json_value *method = json_member(&message, whole, "method");
  if (method != NULL && method->kind == '"') take_call(whole, method);
  else take_answer(whole);
  text_drop(&incoming, length);
  return 1;
}

/* ---- The end of a daemon in the middle of a command (R31) ---- */

static void tell_loss(void) {
  text lines = {0};
  text_say(&lines, "ERROR: the pipd daemon (pid ");
  text_number(&lines, run.daemon_pid);
  text_say(&lines, ") ended while it ran this command. ");
  add_aftermath(&lines, run.changing.length == 0 ? NULL : run.changing.data);
  text_say(&lines, "\nHINT: `pipd daemon log` may say why.\n");
  screen_status("");
  screen_say(2, lines.data);
  free(lines.data);
  run.ended = true;
  run.exit_code = 1;
}

static void lose(void) {
  if (run.ended) {
    run.lost = true;
    return;
  }
  if (!run.accepted) fall_back();
  run.lost = true;
  tell_loss();
}

/* ---- The loop ---- */

static void receive(void) {
  static char bytes[65536];
  ssize_t count = recv(connection, bytes, sizeof bytes, 0);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count > 0) text_add(&incoming, bytes, (size_t)count);
  int taken = 1;
  while (!run.lost && (taken = take_frame()) > 0) continue;
  if (count <= 0 || taken < 0) lose();
}

static void send_waiting(void) {
  ssize_t count = send(connection, outgoing.data, outgoing.length, MSG_NOSIGNAL);
  if (count > 0) text_drop(&outgoing, (size_t)count);
  // What the daemon has said before it went is still read.
  else if (errno != EINTR && errno != EAGAIN) outgoing.length = 0;
}

/* When the daemon is told that the terminal has another size, in ms of the monotonic clock; 0 for never. */
static long long resize_at;

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static void take_signal(void) {
  char number;
  if (read(signals[0], &number, 1) != 1) return;
  if (number == SIGINT) {
    if (++run.interrupts > 1 || run.ended) die_by(SIGINT);
    send_words("{\"jsonrpc\":\"2.0\",\"method\":\"$/cancelRequest\",\"params\":{\"id\":%d}}", RUN);
    screen_status("cancelling...");
  } else if (number == SIGWINCH) {
    if (resize_at == 0) resize_at = now() + RESIZE_MS;
  } else if (number == SIGCONT)
    screen_redraw();
  else
    die_by(number);
}

static void send_size(void) {
  int columns, rows;
  resize_at = 0;
  terminal_size(&columns, &rows);
  send_words("{\"jsonrpc\":\"2.0\",\"method\":\"run/resize\",\"params\":{\"runId\":1,\"cols\":%d,\"rows\":%d}}", columns, rows);
  screen_redraw();
}

/* Writes once. False when the reader of standard output has gone. */
static bool print(void) {
  static size_t unreported;
  long long seq = 0;
  if (!screen_pump(&unreported, &seq)) return false;
  if (seq > 0 && unreported >= ACKNOWLEDGE_EVERY && !run.lost) {
    unreported = 0;
    send_words("{\"jsonrpc\":\"2.0\",\"method\":\"run/ack\",\"params\":{\"runId\":1,\"seq\":%lld}}", seq);
  }
  return true;
}

static void read_keyboard(void) {
  static text typed;
  bool ended = false;
  if (!keyboard_read(&typed, &ended)) return;
  answer_question(&typed, ended);
  text_drop(&typed, typed.length);
}

/* Until the command has ended and all it said is printed. False when nobody reads. */
static bool serve(void) {
  enum { SIGNALS, DAEMON, SCREEN, KEYBOARD, SOURCES };
  while (!run.ended || screen_waiting() >= 0) {
    bool talking = !run.lost && !run.ended;
    struct pollfd sources[SOURCES] = {
        [SIGNALS] = {.fd = signals[0], .events = POLLIN},
        [DAEMON] = {.fd = talking ? connection : -1, .events = (short)((screen_size() < FULL ? POLLIN : 0) | (outgoing.length > 0 ? POLLOUT : 0))},
        [SCREEN] = {.fd = screen_waiting(), .events = POLLOUT},
        [KEYBOARD] = {.fd = talking && keyboard_wanted() != NOTHING && screen_waiting() < 0 ? 0 : -1, .events = POLLIN},
    };
    int count = poll(sources, SOURCES, !run.handshaken ? ANSWER_MS : resize_at != 0 ? RESIZE_MS : -1);
    if (count < 0) continue;
    if (resize_at != 0 && !run.ended && now() >= resize_at) send_size();
    if (count == 0 && !run.handshaken) fall_back();
    if (sources[SIGNALS].revents != 0) take_signal();
    if (sources[SCREEN].revents != 0 && !print()) return false;
    if (sources[KEYBOARD].revents != 0) read_keyboard();
    if (sources[DAEMON].revents & POLLOUT) send_waiting();
    if (sources[DAEMON].revents & (POLLIN | POLLHUP | POLLERR)) receive();
  }
  return true;
}

static bool dial(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (here.socket.length >= sizeof address.sun_path) return false;
  memcpy(address.sun_path, here.socket.data, here.socket.length);
  connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address) != 0) return false;
  return fcntl(connection, F_SETFL, O_NONBLOCK) == 0;
}

/* Whether the words are for a command that the daemon runs. */
static bool is_for_daemon(void) {
  bool own = true;
  const char *command = NULL;
  for (char **word = words + 1; *word != NULL; word++) {
    if (own && strcmp(*word, "--no-daemon") == 0) return false;
    if (own && strcmp(*word, "--time") == 0) {
      run.show_time = true;
      continue;
    }
    if (strcmp(*word, "--") == 0) own = false;
    if (command == NULL) command = *word;
  }
  return command == NULL || strcmp(command, "daemon") != 0;
}

int main(int count, char **arguments) {
  static char *none[] = {"pipd", NULL, NULL};
  words = count > 0 ? arguments : none;
  // Asked by the build whether it works here.
  if (strcmp(words[0], "pipd-check") == 0) return puts("pipd") < 0;
  // A descriptor that is missing would become the connection.
  for (int descriptor = 0; descriptor < 3; descriptor++)
    if (fcntl(descriptor, F_GETFD) < 0) (void)!open("/dev/null", O_RDWR);
  if (!find_root(&here)) {
    fprintf(stderr, "pipd: cannot find out where this program lies: /proc is not there\n");
    return EXIT_NOT_RUNNABLE;
  }
  if (strcmp(variable("PIPD_LAUNCHER"), "0") == 0 || !is_for_daemon() || !find_daemon(&here) || !dial()) fall_back();
  if (pipe2(signals, O_CLOEXEC | O_NONBLOCK) != 0) fall_back();
  signal(SIGPIPE, SIG_IGN);
  screen_start();
  send_initialize();
  catch_signal(SIGINT);
  if (isatty(0)) {
    // The terminal is left as it was, whoever ends this.
    catch_signal(SIGTERM);
    catch_signal(SIGHUP);
  }
  if (isatty(1) || isatty(2)) {
    catch_signal(SIGWINCH);
    catch_signal(SIGCONT);
  }
  if (!serve()) {
    static const char broken[] = "ERROR: Pipe to stdout was broken\n";
    (void)!write(2, broken, sizeof broken - 1);
    return EXIT_BROKEN_PIPE;
  }
  keyboard_stop();
  if (run.signal != 0) die_by(run.signal);
  return run.exit_code;
}
