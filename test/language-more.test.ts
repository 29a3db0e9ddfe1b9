import { describe, expect, test } from 'vitest';
import { exportNamed } from '../server/features/export.ts';
import { resolve } from '../server/language/resolve.ts';
import { filesHost, runText } from './run-text.ts';

const run = (text: string): { errors: string[]; messages: string[]; statuses: string[] } => {
  const { diagnostics, scenarios } = runText(text);
  return {
    errors: diagnostics.filter((d) => d.severity === 'error').map((d) => `${d.code}: ${d.message}`),
    messages: scenarios.flatMap((s) => [s.message, ...s.steps.map((step) => step.message)]).filter(Boolean),
    statuses: [...new Set(scenarios.map((s) => s.status))],
  };
};
const CLEAN = { errors: [], messages: [], statuses: ['passed'] };
const steps = (text: string): string => `scenario "s" {\n${text}\n}`;

const MOCK = `uapi iommufd-6.12
machine { iommu selftest { } }
struct iommu_fault_alloc queue { size = sizeof }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_selftest words { iotlb = 1 }
struct iommu_hwpt_alloc nested {
  size = sizeof, flags = IOMMU_HWPT_FAULT_ID_VALID, dev_id = dev0.id, pt_id = parent.out_hwpt_id, fault_id = queue.out_fault_id
  data_type = IOMMU_HWPT_DATA_SELFTEST, data_len = sizeof(words), data_uptr = &words
}
struct iommu_hwpt_pgfault request { flags = IOMMU_PGFAULT_FLAGS_LAST_PAGE, grpid = 7, addr = 0x5000 }
struct iommu_hwpt_pgfault record { }
struct iommu_hwpt_page_response response { code = IOMMUFD_PAGE_RESP_SUCCESS }
raw buffer size 80
`;
const FAULTING = 'submit queue as q\nsubmit parent\nsubmit nested\nattach dev0 to nested.out_hwpt_id\n';

describe('as, behind a step on a queue', () => {
  test('inject and read fd give what they returned, and the record as it was then', () => {
    const text = `${MOCK}${steps(`${FAULTING}
      inject dev0 request as raised
      expect raised == 0 && raised.grpid == 7
      read fd q.out_fault_fd into record as first
      expect first == sizeof(record) && first.addr == 0x5000 && first.grpid == 7
      inject dev0 struct iommu_hwpt_pgfault = request { grpid = 8 }
      read fd q.out_fault_fd into record size sizeof(record) as second
      expect second.grpid == 8 && record.grpid == 8 && first.grpid == 7`)}`;
    expect(run(text)).toEqual(CLEAN);
  });

  test('the options stand in any order, and expect comes last', () => {
    const text = `${MOCK}${steps(`${FAULTING}
      inject dev0 request
      read fd q.out_fault_fd into buffer as n size 40 expect returns 40
      expect n == 40`)}`;
    expect(run(text)).toEqual(CLEAN);
  });

  test('write fd gives the bytes that were taken, or minus the errno', () => {
    const text = `${MOCK}${steps(`${FAULTING}
      inject dev0 request
      read fd q.out_fault_fd into record as got
      write fd q.out_fault_fd from response size 1 as short expect ESPIPE
      expect short == -ESPIPE
      let cookie = got.cookie
      write user &response + offsetof(struct iommu_hwpt_page_response, cookie) u32 = cookie
      write fd q.out_fault_fd from response as taken
      expect taken == sizeof(response) && taken.code == IOMMUFD_PAGE_RESP_SUCCESS && taken.cookie == cookie`)}`;
    expect(run(text)).toEqual(CLEAN);
  });

  test('inject and respond of 2018', () => {
    const text = `uapi iommu-2018-05
machine { device dev0 { ats = 1, pri = 1 } }
page_response answer { page_req_group_id = 3, pasid_present = 1, pasid = 5 }
${steps(`respond answer as early expect EINVAL, reason no-page-request
inject dev0 answer as raised
respond answer as done
expect early == -EINVAL && raised == 0 && done == 0 && done.page_req_group_id == 3`)}`;
    expect(run(text)).toEqual(CLEAN);
  });

  test('a name before its step is not bound yet', () => {
    const text = `${MOCK}${steps('submit queue as q\nexpect n == 0\nread fd q.out_fault_fd into record size 0 as n')}`;
    expect(run(text).errors).toEqual(['unknown-name: n is not known; did you mean q?']);
  });

  test('an exported program has the result too', () => {
    const text = `${MOCK}${steps('submit queue as q\nread fd q.out_fault_fd into record size 0 as n\nlet m = n + n.grpid')}`;
    const answer = exportNamed(resolve('t.vsva', text, filesHost({})), 's', { format: 'c', headers: false });
    expect('text' in answer ? answer.text : answer.problem).toContain('n = (__u64)moved;');
  });
});

const ARRAY = `uapi vfio-2020-07
array a of iommu_inv_pasid_info { { pasid = 10, archid = 1 }, { pasid = 11, archid = 2 }, { pasid = 12, archid = 3 } }
bind_data f { argsz = sizeof, padding = [1, 2, 3, 4, 5, 6] }
let xs = [3, 4, [5, 6]]
let i1 = 1
`;

describe('an index that is an expression', () => {
  test.each([
    ['a loop over the elements of an array', 'for i in 0..3 { expect a[i].pasid == 10 + i }'],
    ['a loop downwards', 'for i in [2, 1, 0] { expect a[2 - i].archid == 3 - i }'],
    ['a constant of the file', 'expect a[i1].pasid == 11 && a[i1 + 1].pasid == 12'],
    ['an element as an index', 'let next = [2, 0, 1]\nexpect a[next[0]].pasid == 12 && a[next[next[0]]].pasid == 11'],
    ['the address of an element', 'for i in 0..3 { expect &a[i] == &a + i * sizeof(*a) }'],
    ['the address of a field', 'let i = 2\nexpect &a[i].archid == &a[2].archid'],
    ['a byte of a field', 'for i in 0..6 { expect f.padding[i] == i + 1 && &f.padding[i] == &f.padding + i }'],
    ['a list of the file', 'for i in 0..2 { expect xs[i] == i + 3 }'],
    ['a list in a list', 'let i = 1\nexpect xs[2][i] == 6 && xs[i + 1][0] == 5'],
    ['a list of the scenario', 'let ys = [7; 4]\nfor i in 0..4 { expect ys[i] == 7 }'],
    ['bytes', 'let b = bytes "0a 0b"\nfor i in 0..2 { expect b[i] == 10 + i }'],
    ['a submit', 'let k = 0\nsubmit pasid_request { argsz = 8 + a[k].archid } expect EINVAL'],
  ])('%s', (_what, text) => expect(run(ARRAY + steps(text))).toEqual(CLEAN));

  test.each([
    ['let k = 3\nexpect a[k].pasid == 0', 'a has 3 elements, the first of which is [0]'],
    ['let k = 9\nexpect xs[k] == 0', 'xs ends with [2], so there is no [9]'],
    ['let k = 0\nexpect xs[k].size == 0', 'xs[0] is 3 and no list'],
    ['let k = 0\nexpect i1[k] == 0', 'i1 is no list, so nothing has an index in it'],
  ])('%s fails where it runs', (text, message) => {
    expect(run(ARRAY + steps(text)).messages).toContain(message);
  });

  test.each([
    ['expect a[nope].pasid == 0', 'unknown-name: nope is not known'],
    ['expect xs["a"] == 0', 'not-a-number: a number is wanted here, not a string'],
    ['expect xs[7] == 0', 'no-element: xs ends with [2], so there is no [7]'],
    ['submit f expect a[i1].pasid == 1', 'expected-token: expected a number, found `i1`'],
  ])('%s is refused before it runs', (text, error) => {
    expect(run(ARRAY + steps(text)).errors).toContain(error);
  });

  test('deep nesting is a problem and no crash', () => {
    const text = steps(`expect ${'a['.repeat(5000)}0`);
    expect(run(ARRAY + text).errors.some((e) => e.startsWith('too-deep'))).toBe(true);
  });
});

describe('after exit', () => {
  test.each(['vfio-2018-02', 'vfio-2020-03', 'vfio-2020-07', 'vfio-2021-03', 'vfio-arm-2020'])('%s: unbound', (id) => {
    expect(run(`uapi ${id}\n${steps('expect bound dev0\nexit\nexpect unbound dev0')}`)).toEqual(CLEAN);
  });

  test('an iommufd: nothing is bound, and its names say why they are gone', () => {
    const head = 'uapi iommufd-6.12\nmachine { iommu selftest { } }\n';
    expect(run(`${head}${steps('attach dev0\nexit\nexpect unbound dev0\nexpect unbound dev0 pasid 1')}`)).toEqual(
      CLEAN,
    );
    for (const name of ['dev0.id', 'ioas.id'])
      expect(run(`${head}${steps(`exit\nexpect ${name} == 1`)}`).messages).toContain(
        `${name.replace('.', ' has no ')} any more: the process has exited, and its file descriptors are closed`,
      );
  });

  test('a device that is not bound has no id', () => {
    const head = 'uapi iommufd-6.12\nmachine { iommu selftest { }\niommufd { empty = 1 } }\n';
    expect(run(`${head}${steps('expect dev0.id == 1')}`).messages).toContain('dev0 has no id');
  });
});
