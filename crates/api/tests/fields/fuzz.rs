//! Several fields at once, and bytes that are nearly a request.

use std::panic::AssertUnwindSafe;

use prost::Message as _;
use prost_reflect::MethodDescriptor;
use scheduler_fuzz::{any, bytes_near, check};

use crate::ANSWERS;
use crate::messages::{cases, example};
use crate::world::World;

/// A request that has something of several cases: on the wire, one after the other is both of them merged, the last one winning.
fn merged(world: &World, method: &MethodDescriptor, chosen: &[u32]) -> Vec<u8> {
    let cases = cases(&method.input(), &world.ids);
    let at = |n: &u32| usize::try_from(*n).unwrap() % cases.len();
    chosen.iter().flat_map(|n| cases[at(n)].bytes()).collect()
}

#[test]
fn however_many_fields_are_wrong_the_answer_is_about_them() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // A panic ends the test, and nobody looks at what it left behind.
    let world = AssertUnwindSafe(runtime.block_on(World::start()));
    let methods: Vec<MethodDescriptor> = world.methods().collect();
    check!()
        .with_type::<(u8, [u32; 3])>()
        .for_each(|(method, chosen)| {
            let world = &world;
            let (world, method) = (&**world, &methods[usize::from(*method) % methods.len()]);
            let answer = runtime.block_on(world.call(method, merged(world, method, chosen)));
            for refusal in &answer.refusals {
                assert!(ANSWERS.contains(&refusal.code), "{} {refusal:?}", method.name());
            }
        });
    runtime.block_on(world.serves());
}

#[test]
fn whatever_bytes_come_to_any_method_the_answer_is_a_refusal_or_a_result() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // A panic ends the test, and nobody looks at what it left behind.
    let world = AssertUnwindSafe(runtime.block_on(World::start()));
    let methods: Vec<MethodDescriptor> = world.methods().collect();
    let examples: Vec<&'static [u8]> = methods
        .iter()
        .map(|method| &*example(&method.input(), &world.ids).encode_to_vec().leak())
        .collect();
    check!()
        .with_generator((any::<u8>(), bytes_near(examples.leak())))
        .for_each(|(method, bytes)| {
            let world = &world;
            let (world, method) = (&**world, &methods[usize::from(*method) % methods.len()]);
            let answer = runtime.block_on(world.call(method, bytes.clone()));
            assert!(ANSWERS.contains(&answer.code()), "{} {answer:?}", method.name());
        });
    runtime.block_on(world.serves());
}
