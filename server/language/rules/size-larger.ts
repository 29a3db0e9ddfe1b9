import { IOMMUFD_CHECKS } from '../../../engine/index.ts';
import { found, reading } from './reading.ts';
import { atValue, type Finding, rule } from './rule.ts';
import { predictRead } from './submits.ts';

const PAGE = 4096;

export default rule({
  id: 'size-larger',
  severity: 'information',
  checks: [IOMMUFD_CHECKS.dispatch.fault],
  summary: 'size claims more bytes than the payload has',
  why: 'An iommufd looks at every byte up to size: those behind the struct that it knows have to be 0, or the call ends in E2BIG, and have to be readable, or it ends in EFAULT. So a program that was built with a later header runs on an older kernel as long as it asks for nothing new. Beyond the payload lies whatever the program keeps there.',
  examples: {
    bad: [
      `uapi iommufd-6.8
struct iommu_ioas_alloc larger { size = 16 }
                                     // ^^ size is 16, but iommu_ioas_alloc has 12 bytes: the kernel wants those behind it to be 0; write size = sizeof
scenario "zeros behind it pass" { submit larger }`,
      `uapi iommufd-6.8
struct iommu_ioas_alloc huge { size = 8K }
                                   // ^^ size is 8192, but iommu_ioas_alloc has 12 bytes: the memory behind its page cannot be read; write size = sizeof
scenario "unreadable" { submit huge }`,
    ],
    good: [
      `uapi iommufd-6.8
struct iommu_ioas_alloc whole { size = sizeof }
scenario "as large as it is" { submit whole }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const first = view.struct.fields[0];
    const size = first?.name === 'size' && first.role === 'size' ? reading(view, 'size') : undefined;
    const bytes = view.image.bytes.length;
    if (!size?.from || size.value === undefined || size.value <= BigInt(bytes)) return;
    const pages = Math.ceil(bytes / PAGE) * PAGE;
    const what = `${found(size, `${size.value}`)}, but ${view.struct.name} has ${bytes} bytes: `;
    const finding =
      size.value <= BigInt(pages)
        ? atValue(size.from, `${what}the kernel wants those behind it to be 0; write size = sizeof`)
        : atValue(size.from, `${what}the memory behind its page cannot be read; write size = sizeof`, {
            predicts: IOMMUFD_CHECKS.dispatch.fault,
            severity: 'warning',
          });
    yield* predictRead(view, context, finding);
  },
});
