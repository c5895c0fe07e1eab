//! Loops for Cortex-M without the DSP extension, in the instructions that all of them have (M0 and up):
//! eight registers to compute with, of which three are the coordinates.

use core::arch::naked_asm;

use super::arm::Lines;

// r1-r3 are the coordinates, r4-r6 their step; r8 is the stride and r9 the base of the source, r10 where the
// block goes, r11 where the last whole block of the line ends, r12 where the line does, lr what it is all
// about.
macro_rules! nearest_pixel {
    (1, $offset:expr) => {
        nearest_pixel!("", "ldrb r0, [r0, r7]", "strb", $offset)
    };
    (2, $offset:expr) => {
        nearest_pixel!("lsls r7, r7, #1", "ldrh r0, [r0, r7]", "strh", $offset)
    };
    ($scale:literal, $load:literal, $store:literal, $offset:expr) => {
        concat!(
            "uxth r0, r2
             mov r7, r8
             muls r0, r7, r0
             add r0, r9
             lsrs r7, r3, #16\n",
            $scale,
            "\n",
            $load,
            "
             mov r7, r10\n",
            $store,
            " r0, [r7, #",
            $offset,
            "]
             adds r1, r1, r4
             adcs r2, r2, r5
             adcs r3, r3, r6"
        )
    };
}

// Loads what both kinds of loops need of lr; r0 is where it goes then, r1 where the line ends.
macro_rules! first_of_line {
    () => {
        "mov r2, lr
         ldr r0, [r2, #24]
         mov r8, r0
         ldr r0, [r2, #28]
         mov r9, r0
         ldr r0, [r2, #44]
         ldr r1, [r2, #48]
         adds r1, r1, r0"
    };
}

// To the next line of lr; zero if there is none.
macro_rules! next_line {
    () => {
        "mov r0, lr
         ldm r0!, {{r1-r3}}
         ldr r4, [r0, #20]
         ldr r5, [r0, #24]
         ldr r6, [r0, #28]
         adds r1, r1, r4
         adcs r2, r2, r5
         adcs r3, r3, r6
         subs r0, r0, #12
         stm r0!, {{r1-r3}}
         ldr r1, [r0, #32]
         ldr r2, [r0, #40]
         adds r1, r1, r2
         str r1, [r0, #32]
         ldr r1, [r0, #44]
         subs r1, r1, #1
         str r1, [r0, #44]"
    };
}

macro_rules! save {
    () => {
        "push {{r4-r7, lr}}
         mov r4, r8
         mov r5, r9
         mov r6, r10
         mov r7, r11
         push {{r4-r7}}
         mov lr, r0"
    };
}
macro_rules! restore {
    () => {
        "pop {{r4-r7}}
         mov r8, r4
         mov r9, r5
         mov r10, r6
         mov r11, r7
         pop {{r4-r7, pc}}"
    };
}

macro_rules! nearest {
    ($name:ident, $size:tt) => {
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(_: &mut Lines) {
            naked_asm!(
                save!(),
                "6:",
                first_of_line!(),
                "mov r10, r0",
                "mov r12, r1",
                // Whole blocks of eight pixels.
                "subs r1, r1, r0",
                concat!("lsrs r1, r1, #(2 + ", $size, ")"),
                concat!("lsls r1, r1, #(2 + ", $size, ")"),
                "adds r1, r1, r0",
                "mov r11, r1",
                "mov r0, lr",
                "ldm r0!, {{r1-r6}}",
                "b 3f",
                "2:",
                nearest_pixel!($size, "0"),
                nearest_pixel!($size, concat!("(1 * ", $size, ")")),
                nearest_pixel!($size, concat!("(2 * ", $size, ")")),
                nearest_pixel!($size, concat!("(3 * ", $size, ")")),
                nearest_pixel!($size, concat!("(4 * ", $size, ")")),
                nearest_pixel!($size, concat!("(5 * ", $size, ")")),
                nearest_pixel!($size, concat!("(6 * ", $size, ")")),
                nearest_pixel!($size, concat!("(7 * ", $size, ")")),
                concat!("adds r7, r7, #(8 * ", $size, ")"),
                "mov r10, r7",
                "3:",
                "cmp r10, r11",
                "bne 2b",
                "b 5f",
                "4:",
                nearest_pixel!($size, "0"),
                concat!("adds r7, r7, #", $size),
                "mov r10, r7",
                "5:",
                "cmp r10, r12",
                "bne 4b",
                next_line!(),
                "beq 7f",
                "b 6b",
                "7:",
                restore!(),
            )
        }
    };
}
nearest!(nearest_8, 1);
nearest!(nearest_16, 2);

// As above; but the step is at sp, and after it where the line ends; r10 is the constant of the first
// rounding, r11 where the block goes, and r12 where the last whole block ends.
macro_rules! bilinear_pixel {
    ($shift:literal, $store:literal, $offset:expr) => {
        concat!(
            "uxth r0, r2
             mov r7, r8
             muls r0, r7, r0
             add r0, r9
             lsrs r4, r3, #16
             adds r0, r0, r4
             adds r7, r7, r0
             lsls r4, r3, #16
             lsrs r4, r4, #18
             ldrb r5, [r0]
             ldrb r6, [r0, #1]
             subs r6, r6, r5
             muls r6, r4, r6
             lsls r5, r5, #14
             adds r5, r5, r6
             add r5, r10
             lsrs r5, r5, #7
             ldrb r6, [r7]
             ldrb r0, [r7, #1]
             subs r0, r0, r6
             muls r0, r4, r0
             lsls r6, r6, #14
             adds r6, r6, r0
             add r6, r10
             lsrs r6, r6, #7
             lsrs r4, r1, #18
             subs r6, r6, r5
             muls r6, r4, r6
             lsls r5, r5, #14
             adds r5, r5, r6
             lsrs r5, r5, #",
            $shift,
            "
             mov r7, r11\n",
            $store,
            " r5, [r7, #",
            $offset,
            "]
             mov r6, sp
             ldm r6, {{r4-r6}}
             adds r1, r1, r4
             adcs r2, r2, r5
             adcs r3, r3, r6"
        )
    };
}

macro_rules! bilinear {
    ($name:ident, $constant:literal, $shift:literal, $store:literal, $size:literal) => {
        #[unsafe(naked)]
        pub(super) unsafe extern "C" fn $name(_: &mut Lines) {
            naked_asm!(
                save!(),
                "sub sp, #16",
                concat!("movs r0, #(", $constant, " >> 6)"),
                "lsls r0, r0, #6",
                "mov r10, r0",
                "6:",
                first_of_line!(),
                "mov r11, r0",
                "str r1, [sp, #12]",
                // Whole blocks of four pixels.
                "subs r1, r1, r0",
                concat!("lsrs r1, r1, #(2 + ", $size, " / 2)"),
                concat!("lsls r1, r1, #(2 + ", $size, " / 2)"),
                "adds r1, r1, r0",
                "mov r12, r1",
                "mov r0, lr",
                "ldm r0!, {{r1-r6}}",
                "str r4, [sp]",
                "str r5, [sp, #4]",
                "str r6, [sp, #8]",
                "b 3f",
                "2:",
                bilinear_pixel!($shift, $store, "0"),
                bilinear_pixel!($shift, $store, $size),
                bilinear_pixel!($shift, $store, concat!("(2 * ", $size, ")")),
                bilinear_pixel!($shift, $store, concat!("(3 * ", $size, ")")),
                concat!("adds r7, r7, #(4 * ", $size, ")"),
                "mov r11, r7",
                "3:",
                "cmp r11, r12",
                "beq 8f",
                "b 2b",
                "8:",
                "b 5f",
                "4:",
                bilinear_pixel!($shift, $store, "0"),
                concat!("adds r7, r7, #", $size),
                "mov r11, r7",
                "5:",
                "ldr r7, [sp, #12]",
                "cmp r11, r7",
                "bne 4b",
                next_line!(),
                "beq 7f",
                "b 6b",
                "7:",
                "add sp, #16",
                restore!(),
            )
        }
    };
}
bilinear!(bilinear_u8, "8256", "21", "strb", "1");
bilinear!(bilinear_q6, "192", "15", "str", "4");
