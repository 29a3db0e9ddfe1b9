import type { Program } from './export-program.ts';

interface Setup {
  /** Declarations in front of the scenario. */
  readonly globals: string;
  /** The first lines of `main`. */
  readonly main: string;
}

/** Opens what the scenario's machine begins with: a container with its groups, or an iommufd with its devices. */
export const setupC = (program: Program, body: string): Setup =>
  program.isIommufd ? iommufd(program, body) : container(program, body);

/** Numbers of the group file, which every generation has and none describes. Source: include/uapi/linux/vfio.h. */
const GROUP_IOCTLS = `#ifndef VFIO_GROUP_SET_CONTAINER
#define VFIO_GROUP_SET_CONTAINER _IO(';', 104)
#define VFIO_GROUP_UNSET_CONTAINER _IO(';', 105)
#endif
#ifndef VFIO_SET_IOMMU
#define VFIO_SET_IOMMU _IO(';', 102)
#endif`;

function container({ machine, generation }: Program, body: string): Setup {
  const nests = [...generation.constants.values()].some(
    ({ name, value }) => name === 'VFIO_TYPE1_NESTING_IOMMU' && value === BigInt(machine.containerType),
  );
  const groups = [...new Set(machine.devices.map(({ group }) => group))];
  // A container that nests begins with its first group alone.
  const attached = nests ? groups.slice(0, 1) : groups;
  const files = ['vsva_container', ...groups.map((group) => `vsva_${group}`)];
  return {
    globals: `${GROUP_IOCTLS}\n\n${closing(files, body)}`,
    main: [
      usage(groups.map((group) => `/dev/vfio/GROUP of ${group}`)),
      '\tvsva_container = vsva_open("/dev/vfio/vfio");\n',
      ...groups.map((group, i) => `\tvsva_${group} = vsva_open(${i + 1} < argc ? argv[${i + 1}] : NULL);\n`),
      ...attached.map(
        (group) =>
          `\tvsva_call(0, "VFIO_GROUP_SET_CONTAINER", vsva_${group}, VFIO_GROUP_SET_CONTAINER, &vsva_container);\n\tvsva_done(NULL);\n`,
      ),
      `\tvsva_call(0, "VFIO_SET_IOMMU", vsva_container, VFIO_SET_IOMMU, (void *)${machine.containerType}ul);\n\tvsva_done(NULL);\n`,
    ].join(''),
  };
}

function iommufd({ machine, generation, needs }: Program, body: string): Setup {
  const devices = machine.devices.map(({ name }) => name);
  const binds = generation.ioctls.has('VFIO_DEVICE_BIND_IOMMUFD');
  for (const name of ['IOMMU_IOAS_ALLOC', ...(binds ? ['VFIO_DEVICE_BIND_IOMMUFD'] : [])]) {
    needs.number(name);
    needs.struct(generation.structs.get(generation.ioctls.get(name)!.struct!)!);
  }
  const ids = [...devices, 'ioas'].map((name) => `static __u64 vsva_${name}_id;`).join('\n');
  const bind = (name: string): string =>
    `\tbind.argsz = sizeof(bind);\n\tbind.iommufd = vsva_iommufd;\n\tvsva_call(0, "VFIO_DEVICE_BIND_IOMMUFD", vsva_${name}, VFIO_DEVICE_BIND_IOMMUFD, &bind);\n\tvsva_${name}_id = bind.out_devid;\n\tvsva_field("out_devid", bind.out_devid);\n\tvsva_done(NULL);\n`;
  const fills = !machine.iommufdEmpty;
  return {
    globals: `${ids}\n\n${closing(['vsva_iommufd', ...devices.map((name) => `vsva_${name}`)], body)}`,
    main: [
      ...(fills ? ['\tstruct iommu_ioas_alloc ioas = { .size = sizeof(ioas) };\n'] : []),
      ...(fills && binds ? ['\tstruct vfio_device_bind_iommufd bind = { 0 };\n'] : []),
      usage(devices.map((name) => `/dev/vfio/devices/vfioN of ${name}`)),
      '\tvsva_iommufd = vsva_open("/dev/iommu");\n',
      ...devices.map((name, i) => `\tvsva_${name} = vsva_open(${i + 1} < argc ? argv[${i + 1}] : NULL);\n`),
      ...(fills && binds ? devices.map(bind) : []),
      ...(fills
        ? [
            '\tvsva_call(0, "IOMMU_IOAS_ALLOC", vsva_iommufd, IOMMU_IOAS_ALLOC, &ioas);\n\tvsva_ioas_id = ioas.out_ioas_id;\n',
            '\tvsva_field("out_ioas_id", ioas.out_ioas_id);\n\tvsva_done(NULL);\n',
            "\t/* The guest's memory is not mapped into it. */\n",
          ]
        : []),
    ].join(''),
  };
}

const usage = (files: readonly string[]): string =>
  files.map((file, i) => `\t/* argument ${i + 1}: ${file} */\n`).join('');

/** The files, and what ends them as an exit does. */
function closing(files: readonly string[], body: string): string {
  const globals = files.map((file) => `static int ${file} = -1;`).join('\n');
  if (!body.includes('vsva_close_all(')) return globals;
  const closes = [...files].reverse().map((file) => `\tclose(${file});\n`);
  return `${globals}\n\nstatic void vsva_close_all(void)\n{\n${closes.join('')}}`;
}
