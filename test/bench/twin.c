/*
 * The nested walks of vtd.bench.ts and smmuv3.bench.ts in C, over the same memory: pages behind a hash index as in
 * engine/memory/phys-mem.ts, and flat. They check what the engine checks of well-formed tables: presence, leaf bits,
 * reserved bits or address size, rights.
 *
 *   twin IMAGE vtd|vmsa
 *
 * IMAGE holds 64-bit words: pages, accesses, fsRoot, ssRoot, va; the order of the accesses as page numbers behind va; then
 * each page as its address and its 512 words. Prints ns per operation: `hashed N`, `flat N`, `hit N`, and `sum N`, the sum of
 * all addresses that the walks lead to.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define RUNS 7
#define ADDRESS 0x000ffffffffff000ull
#define FLAT_BYTES (1ull << 33)

static uint64_t *pool, *keys;
static uint32_t *slots;
static uint32_t mask, shift;
static uint64_t *flat;

static inline uint32_t hash(uint64_t page)
{
	return ((uint32_t)page ^ (uint32_t)(page >> 32) * 0x85ebca6bu) * 0x9e3779b1u;
}

static inline uint64_t hashed_load(uint64_t hpa)
{
	uint64_t page = hpa >> 12;
	for (uint32_t at = hash(page) >> shift;; at = (at + 1) & mask) {
		if (slots[at] == 0)
			return 0;
		if (keys[at] == page)
			return pool[(uint64_t)slots[at] * 512 + ((hpa >> 3) & 511)];
	}
}

static inline uint64_t flat_load(uint64_t hpa)
{
	return hpa < FLAT_BYTES ? flat[hpa >> 3] : 0;
}

struct walk {
	uint64_t hpa;
	uint32_t reads;
	uint32_t rights;
};

/* One stage: 0, or why it stopped. `load` is a constant at every call, so the compiler makes one copy for each memory. */
#define SECOND(load)                                                                              \
	static inline int second_##load(uint64_t root, uint64_t gpa, struct walk *w)                  \
	{                                                                                              \
		uint64_t table = root, and = ~0ull;                                                        \
		if (gpa >> 48)                                                                             \
			return 5;                                                                              \
		for (int level = 3;; level--) {                                                            \
			uint64_t entry = load(table + ((gpa >> (12 + 9 * level)) & 511) * 8);                  \
			w->reads++;                                                                            \
			if (!(entry & 3))                                                                      \
				return 2;                                                                          \
			if (entry & ((1ull << 62) | (level ? 1ull << 11 : 0)))                                 \
				return 3;                                                                          \
			and &= entry;                                                                          \
			if (level == 0 || (entry & 0x80)) {                                                    \
				uint64_t offset = (1ull << (12 + 9 * level)) - 1;                                  \
				w->hpa = (entry & ADDRESS & ~offset) | (gpa & offset);                             \
				w->rights = (uint32_t)and & 7;                                                     \
				return 0;                                                                          \
			}                                                                                      \
			table = entry & ADDRESS;                                                               \
		}                                                                                          \
	}                                                                                              \
	static __attribute__((noinline)) int nested_##load(uint64_t fs, uint64_t ss, uint64_t va, struct walk *w) \
	{                                                                                              \
		uint64_t table = fs, and = ~0ull;                                                          \
		int64_t sign = (int64_t)va >> 47;                                                          \
		w->reads = 0;                                                                              \
		if (sign != 0 && sign != -1)                                                               \
			return 1;                                                                              \
		for (int level = 3;; level--) {                                                            \
			int stop = second_##load(ss, table + ((va >> (12 + 9 * level)) & 511) * 8, w);         \
			if (stop)                                                                              \
				return stop;                                                                       \
			if (!(w->rights & 1))                                                                  \
				return 6;                                                                          \
			uint64_t entry = load(w->hpa);                                                         \
			w->reads++;                                                                            \
			if (!(entry & 1))                                                                      \
				return 2;                                                                          \
			if ((entry >> 63) || (level == 3 && (entry & 0x80)))                                   \
				return 3;                                                                          \
			and &= entry;                                                                          \
			if (level == 0 || (entry & 0x80)) {                                                    \
				uint64_t offset = (1ull << (12 + 9 * level)) - 1;                                  \
				if (!(and & 4))                                                                    \
					return 7;                                                                      \
				return second_##load(ss, (entry & ADDRESS & ~offset) | (va & offset), w);          \
			}                                                                                      \
			table = entry & ADDRESS;                                                               \
		}                                                                                          \
	}
SECOND(hashed_load)
SECOND(flat_load)

/* VMSAv8-64 of 4K pages: 48 bits of each stage, 48 of output, stage 1 with access flag and user rights, no updates. */
#define VMSA_ADDRESS 0x0000fffffffff000ull
#define BEYOND 0x000f000000000000ull
#define ARM(load)                                                                                 \
	static inline int stage2_##load(uint64_t root, uint64_t ipa, struct walk *w)                  \
	{                                                                                              \
		uint64_t table = root;                                                                     \
		if (ipa >> 48)                                                                             \
			return 5;                                                                              \
		for (int level = 3;; level--) {                                                            \
			uint64_t entry = load(table + ((ipa >> (12 + 9 * level)) & 511) * 8);                  \
			int leaf = level == 0 || !(entry & 2);                                                 \
			w->reads++;                                                                            \
			if (!(entry & 1) || (level == 0 && !(entry & 2)) || (level == 3 && leaf))              \
				return 2;                                                                          \
			if (entry & BEYOND)                                                                    \
				return 3;                                                                          \
			if (leaf) {                                                                            \
				uint64_t offset = (1ull << (12 + 9 * level)) - 1;                                  \
				w->hpa = (entry & VMSA_ADDRESS & ~offset) | (ipa & offset);                        \
				w->rights = (uint32_t)entry;                                                       \
				return 0;                                                                          \
			}                                                                                      \
			table = entry & VMSA_ADDRESS;                                                          \
		}                                                                                          \
	}                                                                                              \
	static __attribute__((noinline)) int arm_##load(uint64_t ttb, uint64_t vttb, uint64_t va, struct walk *w) \
	{                                                                                              \
		uint64_t table = ttb, hierarchical = 0;                                                    \
		w->reads = 0;                                                                              \
		if (va >> 48)                                                                              \
			return 1;                                                                              \
		for (int level = 3;; level--) {                                                            \
			int stop = stage2_##load(vttb, table + ((va >> (12 + 9 * level)) & 511) * 8, w);       \
			if (stop)                                                                              \
				return stop;                                                                       \
			if ((w->rights & 0x440) != 0x440)                                                      \
				return 6;                                                                          \
			uint64_t entry = load(w->hpa);                                                         \
			int leaf = level == 0 || !(entry & 2);                                                 \
			w->reads++;                                                                            \
			if (!(entry & 1) || (level == 0 && !(entry & 2)) || (level == 3 && leaf))              \
				return 2;                                                                          \
			if (entry & BEYOND)                                                                    \
				return 3;                                                                          \
			if (leaf) {                                                                            \
				uint64_t offset = (1ull << (12 + 9 * level)) - 1;                                  \
				if (!(entry & 0x400))                                                              \
					return 8;                                                                      \
				if (!(entry & 0x40) || (hierarchical & (1ull << 61)))                              \
					return 7;                                                                      \
				stop = stage2_##load(vttb, (entry & VMSA_ADDRESS & ~offset) | (va & offset), w);   \
				return stop ? stop : (w->rights & 0x440) != 0x440 ? 9 : 0;                         \
			}                                                                                      \
			hierarchical |= entry;                                                                 \
			table = entry & VMSA_ADDRESS;                                                          \
		}                                                                                          \
	}
ARM(hashed_load)
ARM(flat_load)

/* An IOTLB of 64-byte lines with open addressing, as in engine/cache. */
struct line {
	uint64_t key, page, hpa;
	uint32_t flags, version;
	uint64_t unused[4];
};
static struct line *lines;
static uint32_t line_mask;

static inline uint32_t line_hash(uint64_t page)
{
	uint32_t p = (uint32_t)(page >> 12);
	return (p ^ p >> 9 ^ p >> 18) * 0x9e3779b1u;
}

static struct line *line_of(uint64_t key, uint64_t page)
{
	for (uint32_t at = line_hash(page) & line_mask;; at = (at + 1) & line_mask)
		if (lines[at].key == 0 || (lines[at].key == key && lines[at].page == page))
			return &lines[at];
}

static __attribute__((noinline)) int hit(uint64_t key, uint64_t va, uint32_t version, struct walk *w)
{
	struct line *line = line_of(key, va & ~0xfffull);
	if (line->key == 0 || line->version != version || !(line->flags & 1))
		return 1;
	w->hpa = line->hpa | (va & 0xfff);
	return 0;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

#define MEASURE(name, times, call)                                             \
	do {                                                                        \
		double took[RUNS];                                                      \
		for (int run = -2; run < RUNS; run++) {                                 \
			double start = now();                                               \
			sum = 0;                                                            \
			for (int again = 0; again < (times); again++)                       \
				for (uint64_t i = 0; i < accesses; i++) {                       \
					uint64_t va = base + (order[i] << 12) + 0x10;               \
					if (call)                                                   \
						return fprintf(stderr, name ": a walk stopped\n"), 1;   \
					sum += w.hpa;                                               \
				}                                                               \
			if (run >= 0)                                                       \
				took[run] = (now() - start) / ((double)accesses * (times));     \
		}                                                                       \
		qsort(took, RUNS, sizeof took[0], by_size);                             \
		printf(name " %.2f\n", took[RUNS / 2]);                                 \
	} while (0)

int main(int argc, char **argv)
{
	FILE *file = argc > 2 ? fopen(argv[1], "rb") : NULL;
	int vmsa = argc > 2 && strcmp(argv[2], "vmsa") == 0;
	uint64_t head[5];
	if (!file || fread(head, 8, 5, file) != 5)
		return fprintf(stderr, "usage: twin IMAGE vtd|vmsa\n"), 2;
	uint64_t pages = head[0], accesses = head[1], fs = head[2], ss = head[3], base = head[4], sum = 0;
	uint64_t *order = malloc(accesses * 8);
	uint32_t bits = 1;
	while ((1ull << bits) < pages * 2)
		bits++;
	mask = (1u << bits) - 1;
	shift = 32 - bits;
	pool = calloc(pages + 1, 4096);
	keys = calloc(mask + 1ull, 8);
	slots = calloc(mask + 1ull, 4);
	flat = mmap(NULL, FLAT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!order || !pool || !keys || !slots || flat == MAP_FAILED || fread(order, 8, accesses, file) != accesses)
		return 2;
	for (uint64_t i = 1; i <= pages; i++) {
		uint64_t address;
		if (fread(&address, 8, 1, file) != 1 || fread(pool + i * 512, 8, 512, file) != 512)
			return 2;
		uint32_t at = hash(address >> 12) >> shift;
		while (slots[at])
			at = (at + 1) & mask;
		slots[at] = (uint32_t)i;
		keys[at] = address >> 12;
		if (address + 4096 <= FLAT_BYTES)
			memcpy((char *)flat + address, pool + i * 512, 4096);
	}
	line_mask = 1;
	while (line_mask < accesses * 2)
		line_mask *= 2;
	lines = aligned_alloc(64, (line_mask) * sizeof(struct line));
	memset(lines, 0, line_mask * sizeof(struct line));
	line_mask--;

	struct walk w = { 0 };
	for (uint64_t i = 0; i < accesses; i++) {
		uint64_t va = base + (order[i] << 12);
		if ((vmsa ? arm_hashed_load : nested_hashed_load)(fs, ss, va, &w) || w.reads != 24)
			return fprintf(stderr, "a walk of %u reads\n", w.reads), 1;
		struct line *line = line_of(0x700000003ull, va);
		*line = (struct line){ .key = 0x700000003ull, .page = va, .hpa = w.hpa, .flags = 15, .version = 9 };
	}
	if (vmsa) {
		MEASURE("hashed", 4, arm_hashed_load(fs, ss, va, &w));
		MEASURE("flat", 4, arm_flat_load(fs, ss, va, &w));
	} else {
		MEASURE("hashed", 4, nested_hashed_load(fs, ss, va, &w));
		MEASURE("flat", 4, nested_flat_load(fs, ss, va, &w));
	}
	MEASURE("hit", 100, hit(0x700000003ull, va, 9, &w));
	printf("sum %llu\n", (unsigned long long)(sum / 100));
	return 0;
}
