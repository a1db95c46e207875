// A virtual network for an app that reaches its storage through private endpoints alone.

@description('Name of the network.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Addresses of the network.')
param addressPrefix string = '10.70.0.0/25'

@description('Those of the subnet for the app.')
param appPrefix string = '10.70.0.0/26'

@description('Those of the subnet for private endpoints.')
param endpointPrefix string = '10.70.0.64/26'

@description('Whether queues are reached through it, and not blobs only.')
param queues bool

// Flex Consumption puts the app's outgoing side into a subnet that is delegated to it. A /26 holds 40 instances.
// Links that clients send are followed, and telemetry is sent, through the outbound access of the subnet.
resource network 'Microsoft.Network/virtualNetworks@2025-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: appPrefix
          defaultOutboundAccess: true
          networkSecurityGroup: {
            id: securityGroup.id
          }
          delegations: [
            {
              name: 'functions'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointPrefix
          defaultOutboundAccess: false
          networkSecurityGroup: {
            id: securityGroup.id
          }
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }
}

// Its default rules are the ones that are wanted: nothing from the internet comes in.
resource securityGroup 'Microsoft.Network/networkSecurityGroups@2025-09-01' = {
  name: '${name}-nsg'
  location: location
  tags: tags
  properties: {
    securityRules: []
  }
}

resource dnsZone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: 'privatelink.blob.${environment().suffixes.storage}'
  location: 'global'
  tags: tags
}

resource dnsLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: dnsZone
  name: name
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: network.id
    }
  }
}

resource queueZone 'Microsoft.Network/privateDnsZones@2024-06-01' = if (queues) {
  name: 'privatelink.queue.${environment().suffixes.storage}'
  location: 'global'
  tags: tags
}

resource queueLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = if (queues) {
  parent: queueZone
  name: name
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: network.id
    }
  }
}

@description('Subnet of the app.')
output appSubnetId string = '${network.id}/subnets/app'

@description('Subnet of the private endpoints.')
output endpointSubnetId string = '${network.id}/subnets/endpoints'

@description('The zone in which private endpoints of blobs are named.')
output dnsZoneId string = dnsZone.id

@description('The zone in which private endpoints of queues are named, or empty.')
output queueZoneId string = queues ? queueZone.id : ''
