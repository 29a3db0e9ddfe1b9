import { ERRNO } from '../../engine/index.ts';

/** Includes of every exported program; struct definitions follow. */
export const RUNTIME_INCLUDES = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
`;

const names = Object.entries(ERRNO)
  .map(([name, { code }]) => `\tcase ${code}: return "${name}";\n`)
  .join('');

/** What the steps of an exported program call. Every call prints the begin of one JSON object, `vsva_done` its end. */
const HELPERS: Readonly<Record<string, string>> = {
  vsva_errno: `static const char *vsva_errno(int error)
{
	switch (error) {
${names}	default: return strerror(error);
	}
}
`,
  vsva_result: `/* Begins the line of a result: what was called, what it returned, and the errno when that is negative. */
static long vsva_result(int line, const char *call, long returned)
{
	printf("{\\"line\\":%d,\\"call\\":\\"%s\\",\\"returned\\":%ld", line, call, returned);
	if (returned < 0)
		printf(",\\"errno\\":\\"%s\\"", vsva_errno((int)-returned));
	return returned;
}
`,
  vsva_field: `static void vsva_field(const char *name, unsigned long long value)
{
	printf(",\\"%s\\":%llu", name, value);
}
`,
  vsva_done: `static void vsva_done(const char *expected)
{
	if (expected)
		printf(",\\"expected\\":\\"%s\\"", expected);
	printf("}\\n");
	fflush(stdout);
}
`,
  vsva_note: `static void vsva_note(int line, const char *text)
{
	printf("{\\"line\\":%d,\\"note\\":\\"%s\\"}\\n", line, text);
}
`,
  vsva_open: `static int vsva_open(const char *path)
{
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	int error = path ? errno : ENODEV;

	vsva_result(0, "open", fd < 0 ? -error : fd);
	printf(",\\"path\\":\\"%s\\"", path ? path : "");
	vsva_done(NULL);
	return fd;
}
`,
  vsva_call: `static long vsva_call(int line, const char *name, int fd, unsigned long command, void *argument)
{
	long returned = ioctl(fd, command, argument);

	return vsva_result(line, name, returned < 0 ? -errno : returned);
}
`,
  vsva_fail_nth: `/* The Nth point of the next call that can fail does so: needs CONFIG_FAULT_INJECTION. */
static void vsva_fail_nth(int line, int n)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	int failed = fd < 0 || dprintf(fd, "%d", n) < 0;

	vsva_result(line, "fail_nth", failed ? -errno : 0);
	vsva_done(NULL);
	if (fd >= 0)
		close(fd);
}
`,
  vsva_end: `/* Zeroed pages with an unmapped one behind them, which is where this points. */
static char *vsva_end(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (size + page - 1) / page * page;
	char *at = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at + room, page, PROT_NONE)) {
		perror("mmap");
		exit(2);
	}
	return at + room;
}
`,
  vsva_place: `/* Whole pages for a payload: what lies behind it reads 0 as far as they go. */
static void *vsva_place(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return vsva_end(size) - (size + page - 1) / page * page;
}
`,
  vsva_edge: `/* A copy of which only the first \`mapped\` bytes can be read. */
static void *vsva_edge(const void *from, size_t size, size_t mapped)
{
	return memcpy(vsva_end(mapped) - mapped, from, size < mapped ? size : mapped);
}
`,
  vsva_memory: `/* Reads or writes memory of this process that may not be there, without dying of it. */
static long vsva_memory(int line, int write, __u64 address, void *value, size_t size)
{
	struct iovec here = { value, size }, there = { (void *)(uintptr_t)address, size };
	long done = write ? process_vm_writev(getpid(), &here, 1, &there, 1, 0)
			  : process_vm_readv(getpid(), &here, 1, &there, 1, 0);

	return vsva_result(line, write ? "write user" : "read user", done < 0 ? -errno : 0);
}
`,
};

/** The helpers that a program's text calls, and those that they call, in an order that C accepts. */
export function runtimeC(text: string): string {
  let all = text;
  const used = Object.entries(HELPERS)
    .reverse()
    .filter(([name, helper]) => {
      const isUsed = all.includes(`${name}(`);
      if (isUsed) all += helper;
      return isUsed;
    });
  return used
    .reverse()
    .map(([, helper]) => helper)
    .join('\n')
    .trimEnd();
}
