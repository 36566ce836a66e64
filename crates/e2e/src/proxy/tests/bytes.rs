use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use crate::proxy::{Direction, Door, Protocol, Proxy, Shape};

/// Long enough for what should come, short enough to wait for what should not.
const SOON: Duration = Duration::from_millis(150);
const AT_LAST: Duration = Duration::from_secs(10);

/// A proxy in front of a server that sends back what it gets.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    Proxy::start(address, Protocol::Bytes, 1).await.unwrap()
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap()
}

/// Sends one piece; how long its echo took.
async fn round_trip(stream: &mut TcpStream, size: usize) -> std::io::Result<Duration> {
    let begun = Instant::now();
    stream.write_all(&vec![7; size]).await?;
    stream.read_exact(&mut vec![0; size]).await?;
    Ok(begun.elapsed())
}

#[tokio::test]
async fn bytes_pass_both_ways_and_the_end_does_too() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, 200_000).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_delay_adds_up_over_both_directions_and_ends_when_it_is_switched_off() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    let shape = Shape::slow(Duration::from_millis(60), Duration::from_millis(20));
    proxy.shape_both(shape);
    let slow = round_trip(&mut stream, 10).await.unwrap();
    assert!(slow >= Duration::from_millis(120), "{slow:?}");
    proxy.shape(Direction::TowardServer, Shape::default());
    let half = round_trip(&mut stream, 10).await.unwrap();
    assert!(half >= Duration::from_millis(60), "{half:?}");
    proxy.heal();
    let quick = round_trip(&mut stream, 10).await.unwrap();
    assert!(quick < Duration::from_millis(60), "{quick:?}");
}

#[tokio::test]
async fn a_narrow_link_takes_the_time_that_its_rate_needs() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    proxy.shape(Direction::TowardClient, Shape::narrow(2_000));
    let took = round_trip(&mut stream, 600).await.unwrap();
    assert!(took >= Duration::from_millis(250), "{took:?}");
}

#[tokio::test]
async fn what_was_sent_into_a_partition_arrives_when_it_heals() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, 1).await.unwrap();
    proxy.partition();
    stream.write_all(b"x").await.unwrap();
    assert!(timeout(SOON, stream.read_u8()).await.is_err());
    let mut late = connect(&proxy).await;
    assert!(timeout(SOON, round_trip(&mut late, 1)).await.is_err());
    proxy.heal();
    assert_eq!(stream.read_u8().await.unwrap(), b'x');
    let answer = timeout(SOON, round_trip(&mut late, 1)).await;
    assert!(
        answer.is_err(),
        "a connection made into the partition leads nowhere"
    );
    round_trip(&mut connect(&proxy).await, 1).await.unwrap();
}

#[tokio::test]
async fn one_direction_can_be_held_while_the_other_is_not() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    proxy.shape(Direction::TowardClient, Shape::held());
    stream.write_all(b"x").await.unwrap();
    assert!(timeout(SOON, stream.read_u8()).await.is_err());
    proxy.shape(Direction::TowardClient, Shape::default());
    assert_eq!(stream.read_u8().await.unwrap(), b'x');
}

#[tokio::test]
async fn a_half_open_connection_stays_mute_and_a_new_one_is_none() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, 1).await.unwrap();
    proxy.shape_both(Shape::lost());
    assert!(timeout(SOON, round_trip(&mut stream, 1)).await.is_err());
    proxy.heal();
    assert!(timeout(SOON, round_trip(&mut stream, 1)).await.is_err());
    round_trip(&mut connect(&proxy).await, 1).await.unwrap();
}

#[tokio::test]
async fn a_cut_resets_what_is_open() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    round_trip(&mut stream, 1).await.unwrap();
    proxy.cut();
    let cut = timeout(AT_LAST, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::ConnectionReset);
    round_trip(&mut connect(&proxy).await, 1).await.unwrap();
}

#[tokio::test]
async fn a_closed_door_resets_and_a_mute_one_never_answers() {
    let proxy = echo().await;
    proxy.door(Door::Refuse);
    let refused = timeout(AT_LAST, round_trip(&mut connect(&proxy).await, 1)).await;
    assert!(refused.unwrap().is_err());
    proxy.door(Door::Mute);
    assert!(
        timeout(SOON, round_trip(&mut connect(&proxy).await, 1))
            .await
            .is_err()
    );
    proxy.heal();
    round_trip(&mut connect(&proxy).await, 1).await.unwrap();
}

#[tokio::test]
async fn new_connections_are_led_elsewhere_until_the_heal_and_each_is_counted() {
    let proxy = echo().await;
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    proxy.lead_to(other.local_addr().unwrap());
    let elsewhere = connect(&proxy).await;
    timeout(AT_LAST, other.accept()).await.unwrap().unwrap();
    proxy.heal();
    round_trip(&mut connect(&proxy).await, 1).await.unwrap();
    assert_eq!(proxy.taken(), 2);
    drop(elsewhere);
}
